-- Scorecards that were deleted, for the 30 days in which they can be restored.
CREATE TABLE scorecards_deleted (
-- only postgres: id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
-- only sqlite: id INTEGER PRIMARY KEY AUTOINCREMENT,
-- only postgres: blueprint TEXT COLLATE "C" NOT NULL,
-- only sqlite: blueprint TEXT NOT NULL,
-- only postgres: identifier TEXT COLLATE "C" NOT NULL,
-- only sqlite: identifier TEXT NOT NULL,
  doc JSONB NOT NULL,
  deleted_at BIGINT NOT NULL,
  deleted_by TEXT NOT NULL
);
CREATE INDEX scorecards_deleted_at ON scorecards_deleted (deleted_at);
-- When the verdict on an entity may change because time goes on.
CREATE TABLE scorecard_due (
  entity BIGINT NOT NULL PRIMARY KEY,
  at BIGINT NOT NULL
);
CREATE INDEX scorecard_due_at ON scorecard_due (at);

-- What Port shows of a run of an action that is data, beside the run itself.
-- JSON is kept as text: it comes back as it was sent.
CREATE TABLE automation_runs (
-- The id of the run; clients see it with "r_" before it.
  id TEXT PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
-- only postgres: action TEXT COLLATE "C" NOT NULL,
-- only sqlite: action TEXT NOT NULL,
-- The action as it was when the run was asked for.
  doc TEXT NOT NULL,
-- only postgres: blueprint TEXT COLLATE "C" NOT NULL,
-- only sqlite: blueprint TEXT NOT NULL,
-- only postgres: entity TEXT COLLATE "C" NOT NULL,
-- only sqlite: entity TEXT NOT NULL,
-- UI, API or AUTOMATION.
  source TEXT NOT NULL,
-- The inputs; for automations the event.
  properties TEXT NOT NULL,
  event TEXT NOT NULL,
-- The context of the templates besides inputs, event and secrets.
  context TEXT NOT NULL,
-- '' until somebody reports how it ended: SUCCESS, FAILURE or DECLINED.
  status TEXT NOT NULL DEFAULT '',
  status_label TEXT NOT NULL DEFAULT '',
  link TEXT NOT NULL DEFAULT '',
  summary TEXT NOT NULL DEFAULT '',
  payload TEXT NOT NULL DEFAULT '',
  response TEXT NOT NULL DEFAULT '',
  external_run_id TEXT NOT NULL DEFAULT '',
-- Whoever polls for it: '' none. pending is 1 until it is acknowledged.
  invocation TEXT NOT NULL,
  installation TEXT NOT NULL DEFAULT '',
  pending BIGINT NOT NULL DEFAULT 0,
  claimed_until BIGINT NOT NULL DEFAULT 0,
  created_by TEXT NOT NULL,
  created_email TEXT NOT NULL,
  impersonated_by TEXT NOT NULL DEFAULT '',
  updated_by TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
CREATE INDEX automation_runs_pending ON automation_runs (installation, invocation, id) WHERE pending = 1;
CREATE INDEX automation_runs_by_action ON automation_runs (action, id);
CREATE INDEX automation_runs_by_entity ON automation_runs (blueprint, entity, id) WHERE entity <> '';
CREATE INDEX automation_runs_external ON automation_runs (external_run_id) WHERE external_run_id <> '';

-- What was logged to a run from outside.
CREATE TABLE automation_logs (
-- only postgres: id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
-- only sqlite: id INTEGER PRIMARY KEY AUTOINCREMENT,
  run TEXT NOT NULL REFERENCES automation_runs (id) ON DELETE CASCADE,
  message TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX automation_logs_of ON automation_logs (run, id);

-- Changes of runs that automations may wait for, until they were looked at.
CREATE TABLE automation_events (
-- only postgres: id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
-- only sqlite: id INTEGER PRIMARY KEY AUTOINCREMENT,
-- only postgres: action TEXT COLLATE "C" NOT NULL,
-- only sqlite: action TEXT NOT NULL,
  doc TEXT NOT NULL
);
-- How far the versions of entities were looked at.
CREATE TABLE automation_cursor (
  one BIGINT NOT NULL PRIMARY KEY,
  version BIGINT NOT NULL
);
INSERT INTO automation_cursor (one, version) SELECT 1, COALESCE(MAX(id), 0) FROM entity_versions;
-- Timer properties and when they expire.
CREATE TABLE automation_timers (
  entity BIGINT NOT NULL,
-- only postgres: blueprint TEXT COLLATE "C" NOT NULL,
-- only sqlite: blueprint TEXT NOT NULL,
-- only postgres: property TEXT COLLATE "C" NOT NULL,
-- only sqlite: property TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (entity, property)
);
CREATE INDEX automation_timers_at ON automation_timers (at);
