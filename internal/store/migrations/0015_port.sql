-- Machine credentials. secret is the public key that follows from the secret:
-- it proves the secret and signed tokens, and makes neither; docs/security.md.
CREATE TABLE auth_apps (
-- only postgres: id TEXT COLLATE "C" PRIMARY KEY,
-- only sqlite: id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  secret TEXT NOT NULL,
  enabled BIGINT NOT NULL,
  roles JSONB NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  created_by TEXT NOT NULL
);
-- One row: the organisation's name and settings as clients set them.
CREATE TABLE organization (
  one BIGINT NOT NULL PRIMARY KEY,
  id TEXT NOT NULL,
  doc JSONB NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
-- only postgres: INSERT INTO organization (one, id, doc, created_at, updated_at) VALUES (1, 'org_' || replace(CAST(gen_random_uuid() AS TEXT), '-', ''), '{}', 0, 0);
-- only sqlite: INSERT INTO organization (one, id, doc, created_at, updated_at) VALUES (1, 'org_' || lower(hex(randomblob(16))), '{}', 0, 0);
-- Changes of many entities that go on in the background. They outlive the
-- blueprint they are about, so that clients can still ask how it ended.
CREATE TABLE catalog_migrations (
-- only postgres: id TEXT COLLATE "C" PRIMARY KEY,
-- only sqlite: id TEXT PRIMARY KEY,
  status TEXT NOT NULL CHECK (status IN ('INITIALIZING', 'PENDING', 'RUNNING', 'PENDING_CANCELLATION', 'COMPLETED', 'FAILURE', 'CANCELLED')),
  actor TEXT NOT NULL,
-- only postgres: source TEXT COLLATE "C" NOT NULL,
-- only sqlite: source TEXT NOT NULL,
  mapping JSONB NOT NULL,
  delete_entities BIGINT NOT NULL,
  delete_blueprint BIGINT NOT NULL,
  run_id TEXT NOT NULL,
  user_agent TEXT NOT NULL,
-- The last entity that is done, so that a restart goes on behind it.
  after_id BIGINT NOT NULL,
  success_count BIGINT NOT NULL,
  failure_count BIGINT NOT NULL,
  failures JSONB NOT NULL,
  message TEXT NOT NULL,
-- Until when the process that works on it has it for itself.
  claimed_until BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX catalog_migrations_open ON catalog_migrations (claimed_until) WHERE status IN ('INITIALIZING', 'PENDING', 'RUNNING', 'PENDING_CANCELLATION');
CREATE INDEX catalog_migrations_by_source ON catalog_migrations (source, created_at);
