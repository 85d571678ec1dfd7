-- Where audit events come from, and which entity's timeline they are on.
ALTER TABLE audit_events ADD COLUMN via TEXT NOT NULL DEFAULT '';
ALTER TABLE audit_events ADD COLUMN on_behalf_of TEXT NOT NULL DEFAULT '';
ALTER TABLE audit_events ADD COLUMN address TEXT NOT NULL DEFAULT '';
ALTER TABLE audit_events ADD COLUMN rule TEXT NOT NULL DEFAULT '';
ALTER TABLE audit_events ADD COLUMN entity TEXT NOT NULL DEFAULT '';
CREATE INDEX audit_events_by_entity ON audit_events (entity, seq) WHERE entity <> '';
CREATE INDEX audit_events_by_address ON audit_events (address, seq) WHERE address <> '';
CREATE INDEX audit_events_by_outcome ON audit_events (outcome, seq) WHERE outcome <> 'success';
CREATE INDEX audit_events_by_time ON audit_events (at, seq);

-- The chain over audit events: position counts without gaps in the order of
-- sealing, hash is SHA-256 over the hash before and the event. It lives beside
-- the events, so that writers of events are not made to wait for each other.
CREATE TABLE audit_chain (
  position BIGINT PRIMARY KEY,
  seq BIGINT NOT NULL UNIQUE,
  hash TEXT NOT NULL
);

-- The one row that a sealer locks while it appends: where the chain ends. seq
-- is the highest that is sealed; up to low nothing can come any more.
CREATE TABLE audit_chain_head (
  one BIGINT PRIMARY KEY CHECK (one = 1),
  log_id TEXT NOT NULL,
  position BIGINT NOT NULL,
  seq BIGINT NOT NULL,
  low BIGINT NOT NULL,
  hash TEXT NOT NULL,
  sealed_at BIGINT NOT NULL
);

-- Signed statements of where the chain ended at some moment.
CREATE TABLE audit_checkpoints (
  position BIGINT PRIMARY KEY,
  at BIGINT NOT NULL,
  hash TEXT NOT NULL,
  public_key TEXT NOT NULL,
  signature TEXT NOT NULL
);

-- How far each sink has got.
CREATE TABLE audit_sinks (
  name TEXT PRIMARY KEY,
  position BIGINT NOT NULL,
  checkpoint BIGINT NOT NULL,
  error TEXT NOT NULL,
  failing_since BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
-- only sqlite: CREATE TRIGGER audit_chain_keep_update BEFORE UPDATE ON audit_chain BEGIN SELECT RAISE(ABORT, 'the audit chain is never changed'); END;
-- only sqlite: CREATE TRIGGER audit_chain_keep_delete BEFORE DELETE ON audit_chain BEGIN SELECT RAISE(ABORT, 'the audit chain is never deleted'); END;
-- only sqlite: CREATE TRIGGER audit_checkpoints_keep_update BEFORE UPDATE ON audit_checkpoints BEGIN SELECT RAISE(ABORT, 'audit checkpoints are never changed'); END;
-- only sqlite: CREATE TRIGGER audit_checkpoints_keep_delete BEFORE DELETE ON audit_checkpoints BEGIN SELECT RAISE(ABORT, 'audit checkpoints are never deleted'); END;
-- only postgres: CREATE TRIGGER audit_chain_keep BEFORE UPDATE OR DELETE ON audit_chain FOR EACH ROW EXECUTE FUNCTION audit_events_keep();
-- only postgres: CREATE TRIGGER audit_chain_keep_all BEFORE TRUNCATE ON audit_chain FOR EACH STATEMENT EXECUTE FUNCTION audit_events_keep();
-- only postgres: CREATE TRIGGER audit_checkpoints_keep BEFORE UPDATE OR DELETE ON audit_checkpoints FOR EACH ROW EXECUTE FUNCTION audit_events_keep();
-- only postgres: CREATE TRIGGER audit_checkpoints_keep_all BEFORE TRUNCATE ON audit_checkpoints FOR EACH STATEMENT EXECUTE FUNCTION audit_events_keep();
