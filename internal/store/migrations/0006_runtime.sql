-- What the process runtime should run (wish_id, desired, restart_seq: written by
-- callers) and what its supervisor sees (the rest: written by the owner alone).
CREATE TABLE runtime_instances (
  service TEXT NOT NULL,
  environment TEXT NOT NULL,
  -- running or stopped
  desired TEXT NOT NULL,
  -- the deployment that should serve, and the one that does
  wish_id TEXT NOT NULL,
  active_id TEXT NOT NULL,
  -- grows when a restart is asked for
  restart_seq BIGINT NOT NULL,
  -- the supervisor, and until when it may be believed alive (ms)
  owner TEXT NOT NULL,
  lease_until BIGINT NOT NULL,
  state TEXT NOT NULL,
  version TEXT NOT NULL,
  port BIGINT NOT NULL,
  pid BIGINT NOT NULL,
  restarts BIGINT NOT NULL,
  last_error TEXT NOT NULL,
  started_at BIGINT NOT NULL,
  ready_at BIGINT NOT NULL,
  PRIMARY KEY (service, environment)
);

CREATE TABLE runtime_deployments (
  id TEXT PRIMARY KEY,
  service TEXT NOT NULL,
  environment TEXT NOT NULL,
  version TEXT NOT NULL,
  language TEXT NOT NULL,
  env JSONB NOT NULL,
  -- starting, active, replaced, failed or removed
  state TEXT NOT NULL,
  error TEXT NOT NULL,
  run_id TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  -- the log's last line when it was asked for: what follows is its own
  log_from BIGINT NOT NULL,
  first_answer_at BIGINT NOT NULL
);
CREATE INDEX runtime_deployments_place ON runtime_deployments (service, created_at);
-- A repeated step finds its deployment instead of making a second one.
CREATE UNIQUE INDEX runtime_deployments_run ON runtime_deployments (run_id, service, environment, version) WHERE run_id <> '';

-- The last lines each instance wrote.
CREATE TABLE runtime_logs (
  service TEXT NOT NULL,
  environment TEXT NOT NULL,
  seq BIGINT NOT NULL,
  at BIGINT NOT NULL,
  stream TEXT NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY (service, environment, seq)
);
