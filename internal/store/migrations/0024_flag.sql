-- Flags, what they do in each environment, every version of both, segments and
-- changes that wait for a second person. The documents are JSON; columns beside
-- them are what lists filter by.
ALTER TABLE flag_projects ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
ALTER TABLE flag_projects ADD COLUMN settings_version BIGINT NOT NULL DEFAULT 0;

CREATE TABLE flags (
-- only postgres: project TEXT COLLATE "C" NOT NULL,
-- only sqlite: project TEXT NOT NULL,
-- only postgres: key TEXT COLLATE "C" NOT NULL,
-- only sqlite: key TEXT NOT NULL,
  settings TEXT NOT NULL,
  salt TEXT NOT NULL,
  -- last is the version given last, version that of the settings.
  last BIGINT NOT NULL,
  version BIGINT NOT NULL,
  kind TEXT NOT NULL,
  owner TEXT NOT NULL,
  tags TEXT NOT NULL,
  search TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  updated_at BIGINT NOT NULL,
  archived_at BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (project, key)
);

CREATE TABLE flag_environments (
-- only postgres: project TEXT COLLATE "C" NOT NULL,
-- only sqlite: project TEXT NOT NULL,
-- only postgres: flag TEXT COLLATE "C" NOT NULL,
-- only sqlite: flag TEXT NOT NULL,
  environment TEXT NOT NULL,
  setting TEXT NOT NULL,
  -- state is on, off or partial.
  state TEXT NOT NULL,
  version BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  updated_by TEXT NOT NULL,
  updated_by_name TEXT NOT NULL,
  -- next_at is when the schedule has its next entry; 0 without one.
  next_at BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (project, flag, environment)
);
CREATE INDEX flag_environments_next ON flag_environments (next_at) WHERE next_at > 0;

CREATE TABLE flag_versions (
-- only postgres: project TEXT COLLATE "C" NOT NULL,
-- only sqlite: project TEXT NOT NULL,
-- only postgres: flag TEXT COLLATE "C" NOT NULL,
-- only sqlite: flag TEXT NOT NULL,
  version BIGINT NOT NULL,
  environment TEXT NOT NULL,
  at BIGINT NOT NULL,
  author TEXT NOT NULL,
  author_name TEXT NOT NULL,
  approved_by TEXT NOT NULL DEFAULT '',
  approved_by_name TEXT NOT NULL DEFAULT '',
  verb TEXT NOT NULL,
  reason TEXT NOT NULL,
  diff TEXT NOT NULL,
  before TEXT NOT NULL,
  after TEXT NOT NULL,
  PRIMARY KEY (project, flag, version)
);

CREATE TABLE flag_segments (
-- only postgres: project TEXT COLLATE "C" NOT NULL,
-- only sqlite: project TEXT NOT NULL,
-- only postgres: key TEXT COLLATE "C" NOT NULL,
-- only sqlite: key TEXT NOT NULL,
  segment TEXT NOT NULL,
  version BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  updated_by TEXT NOT NULL,
  PRIMARY KEY (project, key)
);

-- The revision of a project's sets grows with each change: that of the empty
-- environment counts for all of them.
CREATE TABLE flag_revisions (
-- only postgres: project TEXT COLLATE "C" NOT NULL,
-- only sqlite: project TEXT NOT NULL,
  environment TEXT NOT NULL,
  revision BIGINT NOT NULL,
  PRIMARY KEY (project, environment)
);

CREATE TABLE flag_proposals (
  id TEXT PRIMARY KEY,
-- only postgres: project TEXT COLLATE "C" NOT NULL,
-- only sqlite: project TEXT NOT NULL,
-- only postgres: flag TEXT COLLATE "C" NOT NULL,
-- only sqlite: flag TEXT NOT NULL,
  environment TEXT NOT NULL,
  base_version BIGINT NOT NULL,
  setting TEXT NOT NULL,
  -- digest is of base version and setting: what was approved is what is done.
  digest TEXT NOT NULL,
  verb TEXT NOT NULL,
  reason TEXT NOT NULL,
  diff TEXT NOT NULL,
  why TEXT NOT NULL,
  author TEXT NOT NULL,
  author_name TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  state TEXT NOT NULL,
  decided_by TEXT NOT NULL DEFAULT '',
  decided_by_name TEXT NOT NULL DEFAULT '',
  decided_at BIGINT NOT NULL DEFAULT 0,
  comment TEXT NOT NULL DEFAULT ''
);
CREATE INDEX flag_proposals_open ON flag_proposals (project, flag, environment) WHERE state = 'open';

-- Where flags are named in the code, by repository and the commit looked at.
CREATE TABLE flag_scans (
  repository TEXT PRIMARY KEY,
  sha TEXT NOT NULL,
  scanned_at BIGINT NOT NULL
);

CREATE TABLE flag_references (
-- only postgres: key TEXT COLLATE "C" NOT NULL,
-- only sqlite: key TEXT NOT NULL,
  repository TEXT NOT NULL,
  path TEXT NOT NULL,
  line BIGINT NOT NULL,
  text TEXT NOT NULL,
  sha TEXT NOT NULL,
  PRIMARY KEY (key, repository, path, line)
);
CREATE INDEX flag_references_repository ON flag_references (repository);
