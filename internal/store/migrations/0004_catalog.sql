-- Blueprints: the schemas, one JSON document each.
CREATE TABLE blueprints (
-- only postgres: identifier TEXT COLLATE "C" PRIMARY KEY,
-- only sqlite: identifier TEXT NOT NULL PRIMARY KEY,
  doc JSONB NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  updated_by TEXT NOT NULL
);

-- Entities: one row each. id never leaves the database; it keeps the relation
-- table narrow and makes a rename one row. Columns that end in _fold and the
-- *_text columns are derived in the program, so that both engines sort and
-- find alike.
CREATE TABLE entities (
-- only postgres: id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
-- only sqlite: id INTEGER PRIMARY KEY AUTOINCREMENT,
-- only postgres: blueprint TEXT COLLATE "C" NOT NULL REFERENCES blueprints (identifier) ON UPDATE CASCADE,
-- only sqlite: blueprint TEXT NOT NULL REFERENCES blueprints (identifier) ON UPDATE CASCADE,
-- only postgres: identifier TEXT COLLATE "C" NOT NULL,
-- only sqlite: identifier TEXT NOT NULL,
  title TEXT NOT NULL,
-- only postgres: title_fold TEXT COLLATE "C" NOT NULL,
-- only sqlite: title_fold TEXT NOT NULL,
  icon TEXT NOT NULL,
  team JSONB NOT NULL,
  properties JSONB NOT NULL,
-- only postgres: find_text TEXT COLLATE "C" NOT NULL,
-- only sqlite: find_text TEXT NOT NULL,
-- only postgres: search_text TEXT COLLATE "C" NOT NULL,
-- only sqlite: search_text TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  updated_by TEXT NOT NULL,
  UNIQUE (blueprint, identifier)
);
CREATE INDEX entities_by_title ON entities (blueprint, title_fold, id);
CREATE INDEX entities_by_update ON entities (blueprint, updated_at, id);
CREATE INDEX entities_by_creation ON entities (blueprint, created_at, id);

-- Relations, read along (primary key) and against (second index).
CREATE TABLE entity_relations (
  source BIGINT NOT NULL REFERENCES entities (id) ON DELETE CASCADE,
-- only postgres: relation TEXT COLLATE "C" NOT NULL,
-- only sqlite: relation TEXT NOT NULL,
  position BIGINT NOT NULL,
  target BIGINT NOT NULL REFERENCES entities (id),
  PRIMARY KEY (source, relation, position)
-- only postgres: );
-- only sqlite: ) WITHOUT ROWID;
CREATE INDEX entity_relations_by_target ON entity_relations (target, relation, source);

-- Which team owns what: the narrow side of entities.team.
CREATE TABLE entity_teams (
  entity BIGINT NOT NULL REFERENCES entities (id) ON DELETE CASCADE,
-- only postgres: team TEXT COLLATE "C" NOT NULL,
-- only sqlite: team TEXT NOT NULL,
  PRIMARY KEY (entity, team)
-- only postgres: );
-- only sqlite: ) WITHOUT ROWID;
CREATE INDEX entity_teams_by_team ON entity_teams (team, entity);
