-- Durable runs. JSON is kept as TEXT here, not JSONB: the engine never looks
-- inside it in SQL, and a recorded result has to come back byte for byte.
CREATE TABLE runs (
  id TEXT PRIMARY KEY,
  action TEXT NOT NULL,
  title TEXT NOT NULL,
  entity TEXT NOT NULL,
  state TEXT NOT NULL,
  input TEXT NOT NULL,
  plan_id TEXT NOT NULL,
  actor_id TEXT NOT NULL,
  actor TEXT NOT NULL,
  locks TEXT NOT NULL,
  entities TEXT NOT NULL,
  undoing BIGINT NOT NULL DEFAULT 0,
  cancel_requested BIGINT NOT NULL DEFAULT 0,
  step BIGINT NOT NULL DEFAULT 0,
  steps_done BIGINT NOT NULL DEFAULT 0,
  steps_total BIGINT NOT NULL,
  undoable BIGINT NOT NULL,
  wait_kind TEXT NOT NULL DEFAULT '',
  wait_key TEXT NOT NULL DEFAULT '',
  wait_reason TEXT NOT NULL DEFAULT '',
  wait_url TEXT NOT NULL DEFAULT '',
  wait_until BIGINT NOT NULL DEFAULT 0,
  signalled BIGINT NOT NULL DEFAULT 0,
  blocked_key TEXT NOT NULL DEFAULT '',
  error TEXT NOT NULL DEFAULT '',
  worker TEXT NOT NULL DEFAULT '',
  fence BIGINT NOT NULL DEFAULT 0,
  due_at BIGINT,
  log_seq BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  started_at BIGINT NOT NULL DEFAULT 0,
  ended_at BIGINT NOT NULL DEFAULT 0
);
-- due_at is when a worker has to look at the run, NULL for never: a run that
-- waits, is blocked, is worked on or has ended is not in this index at all.
CREATE INDEX runs_due ON runs (due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX runs_worker ON runs (worker) WHERE worker <> '';
CREATE INDEX runs_wait_key ON runs (wait_key) WHERE wait_key <> '';
CREATE INDEX runs_blocked_key ON runs (blocked_key, id) WHERE blocked_key <> '';
CREATE UNIQUE INDEX runs_plan ON runs (plan_id) WHERE plan_id <> '';
CREATE INDEX runs_state ON runs (state, id);
CREATE INDEX runs_action ON runs (action, state, id);
CREATE INDEX runs_action_id ON runs (action, id);
CREATE INDEX runs_actor ON runs (actor_id, id);

CREATE TABLE run_steps (
  run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  idx BIGINT NOT NULL,
  name TEXT NOT NULL,
  title TEXT NOT NULL,
  type TEXT NOT NULL,
  safety TEXT NOT NULL,
  undoable BIGINT NOT NULL,
  state TEXT NOT NULL,
  args TEXT NOT NULL,
  result TEXT NOT NULL DEFAULT '',
  attempt BIGINT NOT NULL DEFAULT 0,
  undo_attempt BIGINT NOT NULL DEFAULT 0,
  tries BIGINT NOT NULL DEFAULT 0,
  crashes BIGINT NOT NULL DEFAULT 0,
  error TEXT NOT NULL DEFAULT '',
  retry_at BIGINT NOT NULL DEFAULT 0,
  started_at BIGINT NOT NULL DEFAULT 0,
  ended_at BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (run_id, idx)
);

CREATE TABLE run_entities (
  entity TEXT NOT NULL,
  run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  PRIMARY KEY (entity, run_id)
);

CREATE TABLE run_changes (
  run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  idx BIGINT NOT NULL,
  n BIGINT NOT NULL,
  kind TEXT NOT NULL,
  verb TEXT NOT NULL,
  title TEXT NOT NULL,
  url TEXT NOT NULL,
  PRIMARY KEY (run_id, idx, kind, verb, title, url)
);

CREATE TABLE run_logs (
  run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  seq BIGINT NOT NULL,
  at BIGINT NOT NULL,
  step TEXT NOT NULL,
  text TEXT NOT NULL,
  PRIMARY KEY (run_id, seq)
);

-- A concurrency key and the run that holds it.
CREATE TABLE run_locks (
  key TEXT PRIMARY KEY,
  run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE
);
CREATE INDEX run_locks_run ON run_locks (run_id);

-- The lease of one working process: beat grows while it lives. Others count
-- the time for which they saw it unchanged, so that no two clocks are compared.
CREATE TABLE run_workers (
  id TEXT PRIMARY KEY,
  beat BIGINT NOT NULL,
  at BIGINT NOT NULL
);

CREATE TABLE run_decisions (
  run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  idx BIGINT NOT NULL,
  approve BIGINT NOT NULL,
  actor_id TEXT NOT NULL,
  actor_name TEXT NOT NULL,
  comment TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (run_id, idx)
);

CREATE TABLE run_plans (
  id TEXT PRIMARY KEY,
  action TEXT NOT NULL,
  title TEXT NOT NULL,
  entity TEXT NOT NULL,
  actor_id TEXT NOT NULL,
  input TEXT NOT NULL,
  plan TEXT NOT NULL,
  run_id TEXT NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX run_plans_expiry ON run_plans (expires_at) WHERE run_id = '';
