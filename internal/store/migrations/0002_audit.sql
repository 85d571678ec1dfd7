-- Who did what to which object, or was refused. Written in the transaction of
-- the change, never changed afterwards: the triggers hold that even against a
-- mistake in the program.
CREATE TABLE audit_events (
-- only postgres: seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
-- only sqlite: seq INTEGER PRIMARY KEY AUTOINCREMENT,
  at BIGINT NOT NULL,
  actor TEXT NOT NULL,
  actor_name TEXT NOT NULL,
  family TEXT NOT NULL,
  verb TEXT NOT NULL,
  object TEXT NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN ('success', 'denied', 'failure')),
  run_id TEXT NOT NULL,
  request_id TEXT NOT NULL,
  detail JSONB NOT NULL
);
CREATE INDEX audit_events_by_object ON audit_events (object, seq);
CREATE INDEX audit_events_by_actor ON audit_events (actor, seq);
CREATE INDEX audit_events_by_family ON audit_events (family, seq);
CREATE INDEX audit_events_by_run ON audit_events (run_id, seq) WHERE run_id <> '';
-- only sqlite: CREATE TRIGGER audit_events_keep_update BEFORE UPDATE ON audit_events BEGIN SELECT RAISE(ABORT, 'audit events are never changed'); END;
-- only sqlite: CREATE TRIGGER audit_events_keep_delete BEFORE DELETE ON audit_events BEGIN SELECT RAISE(ABORT, 'audit events are never deleted'); END;
-- only postgres: CREATE FUNCTION audit_events_keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'audit events are never changed or deleted'; END $$;
-- only postgres: CREATE TRIGGER audit_events_keep BEFORE UPDATE OR DELETE ON audit_events FOR EACH ROW EXECUTE FUNCTION audit_events_keep();
-- only postgres: CREATE TRIGGER audit_events_keep_all BEFORE TRUNCATE ON audit_events FOR EACH STATEMENT EXECUTE FUNCTION audit_events_keep();
