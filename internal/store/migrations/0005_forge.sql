-- The built-in forge. Git objects and refs live in bare repositories on disk,
-- named by repository id; these tables hold everything a list shows.
CREATE TABLE forge_repositories (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  former_name TEXT NOT NULL DEFAULT '',
  description TEXT NOT NULL,
  default_branch TEXT NOT NULL,
  owner TEXT NOT NULL,
  create_key TEXT NOT NULL,
  archived BIGINT NOT NULL DEFAULT 0,
  rules JSONB NOT NULL,
  next_pull BIGINT NOT NULL DEFAULT 1,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
-- Names that differ only in case would mislead people.
CREATE UNIQUE INDEX forge_repositories_name ON forge_repositories (lower(name));
CREATE INDEX forge_repositories_list ON forge_repositories (archived, name);
CREATE INDEX forge_repositories_former ON forge_repositories (former_name) WHERE former_name <> '';

-- Branch heads as last recorded. A repository whose refs differ was interrupted
-- between git and here, and is caught up on its next change or at start.
CREATE TABLE forge_branches (
  repository_id TEXT NOT NULL REFERENCES forge_repositories (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  sha TEXT NOT NULL,
  subject TEXT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (repository_id, name)
);

CREATE TABLE forge_pulls (
  repository_id TEXT NOT NULL REFERENCES forge_repositories (id) ON DELETE CASCADE,
  number BIGINT NOT NULL,
  title TEXT NOT NULL,
  body TEXT NOT NULL,
  state TEXT NOT NULL,
  head TEXT NOT NULL,
  head_sha TEXT NOT NULL,
  base TEXT NOT NULL,
  base_sha TEXT NOT NULL,
  merge_sha TEXT NOT NULL DEFAULT '',
  author_id TEXT NOT NULL,
  author JSONB NOT NULL,
  run_id TEXT NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  merged_at BIGINT NOT NULL DEFAULT 0,
  merged_by JSONB,
  PRIMARY KEY (repository_id, number)
);
CREATE UNIQUE INDEX forge_pulls_open_head ON forge_pulls (repository_id, head) WHERE state = 'open';
CREATE INDEX forge_pulls_head ON forge_pulls (repository_id, head);
CREATE INDEX forge_pulls_list ON forge_pulls (created_at, repository_id, number);
CREATE INDEX forge_pulls_state ON forge_pulls (state, created_at, repository_id, number);
CREATE INDEX forge_pulls_run ON forge_pulls (run_id) WHERE run_id <> '';

-- Who can give a review that an open pull request still needs.
CREATE TABLE forge_waiting (
  repository_id TEXT NOT NULL,
  number BIGINT NOT NULL,
  reviewer TEXT NOT NULL,
  PRIMARY KEY (reviewer, repository_id, number),
  FOREIGN KEY (repository_id, number) REFERENCES forge_pulls (repository_id, number) ON DELETE CASCADE
);
CREATE INDEX forge_waiting_pull ON forge_waiting (repository_id, number);

CREATE TABLE forge_reviews (
  id TEXT PRIMARY KEY,
  repository_id TEXT NOT NULL,
  number BIGINT NOT NULL,
  person_id TEXT NOT NULL,
  person JSONB NOT NULL,
  -- Teams and "role:NAME" the person had when reviewing.
  memberships JSONB NOT NULL,
  verdict TEXT NOT NULL,
  body TEXT NOT NULL,
  sha TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  FOREIGN KEY (repository_id, number) REFERENCES forge_pulls (repository_id, number) ON DELETE CASCADE
);
CREATE INDEX forge_reviews_pull ON forge_reviews (repository_id, number, created_at, id);

CREATE TABLE forge_comments (
  id TEXT PRIMARY KEY,
  repository_id TEXT NOT NULL,
  number BIGINT NOT NULL,
  person JSONB NOT NULL,
  body TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  FOREIGN KEY (repository_id, number) REFERENCES forge_pulls (repository_id, number) ON DELETE CASCADE
);
CREATE INDEX forge_comments_pull ON forge_comments (repository_id, number, created_at, id);

CREATE TABLE forge_statuses (
  repository_id TEXT NOT NULL REFERENCES forge_repositories (id) ON DELETE CASCADE,
  sha TEXT NOT NULL,
  context TEXT NOT NULL,
  state TEXT NOT NULL,
  description TEXT NOT NULL,
  url TEXT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (repository_id, sha, context)
);

-- Files on the default branch that were last written by the portal for a run.
CREATE TABLE forge_portal_files (
  repository_id TEXT NOT NULL REFERENCES forge_repositories (id) ON DELETE CASCADE,
  path TEXT NOT NULL,
  PRIMARY KEY (repository_id, path)
);

CREATE TABLE forge_webhooks (
  repository_id TEXT NOT NULL REFERENCES forge_repositories (id) ON DELETE CASCADE,
  id TEXT NOT NULL,
  url TEXT NOT NULL,
  -- Sealed with the key file beside the repositories.
  secret TEXT NOT NULL,
  events JSONB NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (repository_id, id)
);
