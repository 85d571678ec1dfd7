-- Policies that administrators write, and their versions.

-- The role manager is called maintainer.
UPDATE auth_users SET roles = CAST(REPLACE(CAST(roles AS TEXT), '"manager"', '"maintainer"') AS JSONB) WHERE CAST(roles AS TEXT) LIKE '%"manager"%';
UPDATE auth_apps SET roles = CAST(REPLACE(CAST(roles AS TEXT), '"manager"', '"maintainer"') AS JSONB) WHERE CAST(roles AS TEXT) LIKE '%"manager"%';

-- One row: the policies that are in force besides the built-in ones. Locking it
-- orders changes of policies and of blueprints.
CREATE TABLE policy_current (
  id BIGINT PRIMARY KEY CHECK (id = 1),
  version BIGINT NOT NULL,
  policies TEXT NOT NULL,
  cases TEXT NOT NULL
);
INSERT INTO policy_current (id, version, policies, cases) VALUES (1, 0, '', '');
-- A change somebody proposed. version is what it became; alone says that nobody
-- else could confirm it.
CREATE TABLE policy_changes (
  id TEXT PRIMARY KEY,
  base BIGINT NOT NULL,
  version BIGINT UNIQUE,
  state TEXT NOT NULL CHECK (state IN ('open', 'applied', 'rejected', 'withdrawn')),
  policies TEXT NOT NULL,
  cases TEXT NOT NULL,
  reason TEXT NOT NULL,
  author TEXT NOT NULL,
  author_name TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  decided_by TEXT NOT NULL,
  decided_name TEXT NOT NULL,
  decided_at BIGINT NOT NULL,
  comment TEXT NOT NULL,
  alone BIGINT NOT NULL,
  impact JSONB NOT NULL
);
CREATE INDEX policy_changes_by_time ON policy_changes (created_at);
CREATE INDEX policy_changes_open ON policy_changes (created_at) WHERE state = 'open';
-- The questions that were decided last, each kind once, to try new policies on.
CREATE TABLE policy_decisions (
-- only postgres: key TEXT COLLATE "C" PRIMARY KEY,
-- only sqlite: key TEXT PRIMARY KEY,
  at BIGINT NOT NULL,
  question TEXT NOT NULL,
  allowed BIGINT NOT NULL
);
CREATE INDEX policy_decisions_by_time ON policy_decisions (at);
-- The user that an administrator looks at the portal as, in this session.
ALTER TABLE auth_sessions ADD COLUMN view_as TEXT NOT NULL DEFAULT '';
