-- A flag project groups the flags of one service.
CREATE TABLE flag_projects (
  key TEXT PRIMARY KEY,
  service TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  run_id TEXT NOT NULL
);
CREATE INDEX flag_projects_service ON flag_projects (service);

-- A secret slot is a name a service expects in an environment; no value here.
CREATE TABLE secret_slots (
  service TEXT NOT NULL,
  environment TEXT NOT NULL,
  name TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  run_id TEXT NOT NULL,
  PRIMARY KEY (service, environment, name)
);

-- Durations worth watching, one per run and name.
CREATE TABLE insight_measures (
  name TEXT NOT NULL,
  run_id TEXT NOT NULL,
  subject TEXT NOT NULL,
  millis BIGINT NOT NULL,
  parts JSONB NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (name, run_id)
);
CREATE INDEX insight_measures_latest ON insight_measures (name, at);
