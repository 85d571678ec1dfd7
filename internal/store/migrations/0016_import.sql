-- Imports that write over several transactions. What they wrote carries their
-- number in entities.pending and is seen by nobody until the last one.
CREATE TABLE catalog_imports (
-- only postgres: id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
-- only sqlite: id INTEGER PRIMARY KEY AUTOINCREMENT,
  started_by TEXT NOT NULL,
  started_at BIGINT NOT NULL,
-- When it last gave a sign of life; one that is silent is undone.
  beat_at BIGINT NOT NULL,
-- The blueprints it made, which go with it when it is undone.
  blueprints JSONB NOT NULL
);
