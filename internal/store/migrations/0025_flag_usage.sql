-- Keys of the flag server, and how flags are used.

-- Only the SHA-256 of a key is kept. A relay's key belongs to no project; an
-- empty environment is every environment.
CREATE TABLE flag_keys (
  id TEXT PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  project TEXT REFERENCES flag_projects (key) ON DELETE CASCADE,
  environment TEXT NOT NULL,
  name TEXT NOT NULL,
  hint TEXT NOT NULL,
  origins TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at BIGINT NOT NULL
);
CREATE INDEX flag_keys_project ON flag_keys (project, environment);

-- Evaluations of one project and environment for one client in one span of
-- time: counts is JSON, flag to variation and reason to number. Each server
-- has its own rows, so that nobody adds to what another one writes.
CREATE TABLE flag_usage (
  project TEXT NOT NULL,
  environment TEXT NOT NULL,
  at BIGINT NOT NULL,
  span BIGINT NOT NULL,
  client TEXT NOT NULL,
  instance TEXT NOT NULL,
  counts TEXT NOT NULL,
  PRIMARY KEY (project, environment, at, span, client, instance)
);
CREATE INDEX flag_usage_at ON flag_usage (span, at);

-- When a flag was last evaluated, to about five minutes.
CREATE TABLE flag_seen (
  project TEXT NOT NULL,
  environment TEXT NOT NULL,
  flag TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (project, environment, flag)
);

-- Flags that clients ask for and that do not exist.
CREATE TABLE flag_unknown (
  project TEXT NOT NULL,
  environment TEXT NOT NULL,
  flag TEXT NOT NULL,
  client TEXT NOT NULL,
  first_at BIGINT NOT NULL,
  last_at BIGINT NOT NULL,
  asked BIGINT NOT NULL,
  PRIMARY KEY (project, environment, flag, client)
);
CREATE INDEX flag_unknown_last ON flag_unknown (last_at);
