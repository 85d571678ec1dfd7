-- Documents that are kept as they were sent: pages, folders, webhooks,
-- integrations, workflows. doc is text and not JSONB, which would write numbers
-- and keys in its own way.
CREATE TABLE resources (
-- only postgres: kind TEXT COLLATE "C" NOT NULL,
-- only sqlite: kind TEXT NOT NULL,
-- What it belongs to; '' for most.
-- only postgres: parent TEXT COLLATE "C" NOT NULL,
-- only sqlite: parent TEXT NOT NULL,
-- only postgres: identifier TEXT COLLATE "C" NOT NULL,
-- only sqlite: identifier TEXT NOT NULL,
  doc TEXT NOT NULL,
  revision BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  updated_by TEXT NOT NULL,
  PRIMARY KEY (kind, parent, identifier)
);

-- Secret values, sealed with a key that is not in the database; the seal binds
-- a value to its scope and name.
CREATE TABLE secrets (
-- only postgres: scope TEXT COLLATE "C" NOT NULL,
-- only sqlite: scope TEXT NOT NULL,
-- only postgres: name TEXT COLLATE "C" NOT NULL,
-- only sqlite: name TEXT NOT NULL,
  sealed TEXT NOT NULL,
  description TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  updated_by TEXT NOT NULL,
  PRIMARY KEY (scope, name)
);

-- Which webhook a public key belongs to. Events refer to the key, so that a
-- webhook can be renamed.
CREATE TABLE webhook_keys (
-- only postgres: webhook_key TEXT COLLATE "C" PRIMARY KEY,
-- only sqlite: webhook_key TEXT PRIMARY KEY,
-- only postgres: webhook TEXT COLLATE "C" NOT NULL,
-- only sqlite: webhook TEXT NOT NULL,
  UNIQUE (webhook)
);

-- What came in by webhooks: the queue, the log and the memory of what was
-- received before, in one.
CREATE TABLE webhook_events (
-- only postgres: id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
-- only sqlite: id INTEGER PRIMARY KEY AUTOINCREMENT,
-- only postgres: webhook_key TEXT COLLATE "C" NOT NULL,
-- only sqlite: webhook_key TEXT NOT NULL,
-- By what the sender calls it; '' where the webhook knows no such thing.
-- only postgres: request_id TEXT COLLATE "C" NOT NULL,
-- only sqlite: request_id TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('waiting', 'done', 'failed')),
  received_at BIGINT NOT NULL,
  finished_at BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  next_at BIGINT NOT NULL,
  size BIGINT NOT NULL,
  headers TEXT NOT NULL,
  query TEXT NOT NULL,
-- only postgres: body BYTEA NOT NULL,
-- only sqlite: body BLOB NOT NULL,
  result TEXT NOT NULL
);
CREATE UNIQUE INDEX webhook_events_once ON webhook_events (webhook_key, request_id) WHERE request_id <> '';
CREATE INDEX webhook_events_of ON webhook_events (webhook_key, id);
CREATE INDEX webhook_events_waiting ON webhook_events (webhook_key, id, size) WHERE status = 'waiting';
CREATE INDEX webhook_events_finished ON webhook_events (finished_at) WHERE status <> 'waiting';

-- What an integration tells besides its configuration. It is apart, so that a
-- sign of life does not look like a change.
CREATE TABLE integration_state (
-- only postgres: integration TEXT COLLATE "C" PRIMARY KEY,
-- only sqlite: integration TEXT PRIMARY KEY,
-- only postgres: ingest_id TEXT COLLATE "C" NOT NULL UNIQUE,
-- only sqlite: ingest_id TEXT NOT NULL UNIQUE,
  seen_at BIGINT NOT NULL,
  resync_at BIGINT NOT NULL
);
CREATE TABLE integration_kinds (
-- only postgres: integration TEXT COLLATE "C" NOT NULL,
-- only sqlite: integration TEXT NOT NULL,
-- only postgres: kind TEXT COLLATE "C" NOT NULL,
-- only sqlite: kind TEXT NOT NULL,
  examples TEXT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (integration, kind)
);
CREATE TABLE integration_logs (
-- only postgres: id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
-- only sqlite: id INTEGER PRIMARY KEY AUTOINCREMENT,
-- only postgres: integration TEXT COLLATE "C" NOT NULL,
-- only sqlite: integration TEXT NOT NULL,
  at BIGINT NOT NULL,
  level TEXT NOT NULL,
  event_id TEXT NOT NULL,
  doc TEXT NOT NULL
);
CREATE INDEX integration_logs_of ON integration_logs (integration, id);
CREATE TABLE integration_metrics (
-- only postgres: integration TEXT COLLATE "C" NOT NULL,
-- only sqlite: integration TEXT NOT NULL,
-- only postgres: event_id TEXT COLLATE "C" NOT NULL,
-- only sqlite: event_id TEXT NOT NULL,
-- only postgres: kind TEXT COLLATE "C" NOT NULL,
-- only sqlite: kind TEXT NOT NULL,
  doc TEXT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (integration, event_id, kind)
);
CREATE INDEX integration_metrics_recent ON integration_metrics (integration, updated_at);

-- Who is told of changes, and up to which one that has been done. The changes
-- themselves are in entity_versions; nothing is copied.
CREATE TABLE change_destinations (
-- "blueprint/ID" or "integration/ID".
-- only postgres: destination TEXT COLLATE "C" PRIMARY KEY,
-- only sqlite: destination TEXT PRIMARY KEY,
  url TEXT NOT NULL,
-- The last entity_versions.id (of an integration: its revision) that was told.
  done BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  next_at BIGINT NOT NULL,
-- What an integration was told last.
  state TEXT NOT NULL
);
-- The last deliveries of each.
CREATE TABLE change_deliveries (
-- only postgres: id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
-- only sqlite: id INTEGER PRIMARY KEY AUTOINCREMENT,
-- only postgres: destination TEXT COLLATE "C" NOT NULL,
-- only sqlite: destination TEXT NOT NULL,
  change BIGINT NOT NULL,
  about TEXT NOT NULL,
  at BIGINT NOT NULL,
  attempt BIGINT NOT NULL,
  status TEXT NOT NULL,
  millis BIGINT NOT NULL
);
CREATE INDEX change_deliveries_of ON change_deliveries (destination, id);
-- Which process works on something that only one may work on, and until when.
CREATE TABLE leases (
-- only postgres: name TEXT COLLATE "C" PRIMARY KEY,
-- only sqlite: name TEXT PRIMARY KEY,
  holder TEXT NOT NULL,
  until BIGINT NOT NULL
);
