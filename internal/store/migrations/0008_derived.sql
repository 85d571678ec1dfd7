-- What is worked out of an entity and its neighbours is kept with it, so that
-- it can be searched and sorted like everything else; docs/adr/0011.
ALTER TABLE entities ADD COLUMN derived JSONB NOT NULL DEFAULT '{}';
-- Levels and rule results by scorecard.
ALTER TABLE entities ADD COLUMN scorecards JSONB NOT NULL DEFAULT '{}';
-- Which source last changed which field, and when: {source: {field: ms}}.
ALTER TABLE entities ADD COLUMN provenance JSONB NOT NULL DEFAULT '{}';
ALTER TABLE entities ADD COLUMN version BIGINT NOT NULL DEFAULT 1;
-- Digest of what was written, so that a write that changes nothing is known
-- without reading the documents.
ALTER TABLE entities ADD COLUMN digest TEXT NOT NULL DEFAULT '';
-- User-Agent of the last writer: Port's $datasource.
ALTER TABLE entities ADD COLUMN datasource TEXT NOT NULL DEFAULT '';
-- An import that is not finished; 0 for everything that may be seen.
ALTER TABLE entities ADD COLUMN pending BIGINT NOT NULL DEFAULT 0;
CREATE INDEX entities_pending ON entities (pending, id) WHERE pending <> 0;
CREATE INDEX entities_by_datasource ON entities (datasource, blueprint, id) WHERE datasource <> '';

-- Slots: the values of up to ten text and eight number properties of a
-- blueprint as plain columns, so that they can be indexed without a change of
-- the schema; docs/adr/0012. Which property has which slot is kept with the
-- blueprint.
-- only postgres: ALTER TABLE entities ADD COLUMN s1 TEXT COLLATE "C", ADD COLUMN s2 TEXT COLLATE "C", ADD COLUMN s3 TEXT COLLATE "C", ADD COLUMN s4 TEXT COLLATE "C", ADD COLUMN s5 TEXT COLLATE "C", ADD COLUMN s6 TEXT COLLATE "C", ADD COLUMN s7 TEXT COLLATE "C", ADD COLUMN s8 TEXT COLLATE "C", ADD COLUMN s9 TEXT COLLATE "C", ADD COLUMN s10 TEXT COLLATE "C";
-- only sqlite: ALTER TABLE entities ADD COLUMN s1 TEXT;
-- only sqlite: ALTER TABLE entities ADD COLUMN s2 TEXT;
-- only sqlite: ALTER TABLE entities ADD COLUMN s3 TEXT;
-- only sqlite: ALTER TABLE entities ADD COLUMN s4 TEXT;
-- only sqlite: ALTER TABLE entities ADD COLUMN s5 TEXT;
-- only sqlite: ALTER TABLE entities ADD COLUMN s6 TEXT;
-- only sqlite: ALTER TABLE entities ADD COLUMN s7 TEXT;
-- only sqlite: ALTER TABLE entities ADD COLUMN s8 TEXT;
-- only sqlite: ALTER TABLE entities ADD COLUMN s9 TEXT;
-- only sqlite: ALTER TABLE entities ADD COLUMN s10 TEXT;
ALTER TABLE entities ADD COLUMN n1 DOUBLE PRECISION;
ALTER TABLE entities ADD COLUMN n2 DOUBLE PRECISION;
ALTER TABLE entities ADD COLUMN n3 DOUBLE PRECISION;
ALTER TABLE entities ADD COLUMN n4 DOUBLE PRECISION;
ALTER TABLE entities ADD COLUMN n5 DOUBLE PRECISION;
ALTER TABLE entities ADD COLUMN n6 DOUBLE PRECISION;
ALTER TABLE entities ADD COLUMN n7 DOUBLE PRECISION;
ALTER TABLE entities ADD COLUMN n8 DOUBLE PRECISION;
CREATE INDEX entities_by_s1 ON entities (blueprint, s1, id) WHERE s1 IS NOT NULL;
CREATE INDEX entities_by_s2 ON entities (blueprint, s2, id) WHERE s2 IS NOT NULL;
CREATE INDEX entities_by_s3 ON entities (blueprint, s3, id) WHERE s3 IS NOT NULL;
CREATE INDEX entities_by_s4 ON entities (blueprint, s4, id) WHERE s4 IS NOT NULL;
CREATE INDEX entities_by_s5 ON entities (blueprint, s5, id) WHERE s5 IS NOT NULL;
CREATE INDEX entities_by_s6 ON entities (blueprint, s6, id) WHERE s6 IS NOT NULL;
CREATE INDEX entities_by_s7 ON entities (blueprint, s7, id) WHERE s7 IS NOT NULL;
CREATE INDEX entities_by_s8 ON entities (blueprint, s8, id) WHERE s8 IS NOT NULL;
CREATE INDEX entities_by_s9 ON entities (blueprint, s9, id) WHERE s9 IS NOT NULL;
CREATE INDEX entities_by_s10 ON entities (blueprint, s10, id) WHERE s10 IS NOT NULL;
CREATE INDEX entities_by_n1 ON entities (blueprint, n1, id) WHERE n1 IS NOT NULL;
CREATE INDEX entities_by_n2 ON entities (blueprint, n2, id) WHERE n2 IS NOT NULL;
CREATE INDEX entities_by_n3 ON entities (blueprint, n3, id) WHERE n3 IS NOT NULL;
CREATE INDEX entities_by_n4 ON entities (blueprint, n4, id) WHERE n4 IS NOT NULL;
CREATE INDEX entities_by_n5 ON entities (blueprint, n5, id) WHERE n5 IS NOT NULL;
CREATE INDEX entities_by_n6 ON entities (blueprint, n6, id) WHERE n6 IS NOT NULL;
CREATE INDEX entities_by_n7 ON entities (blueprint, n7, id) WHERE n7 IS NOT NULL;
CREATE INDEX entities_by_n8 ON entities (blueprint, n8, id) WHERE n8 IS NOT NULL;

-- {property: slot}, e.g. {"language": "s1", "coverage": "n1"}.
ALTER TABLE blueprints ADD COLUMN slots JSONB NOT NULL DEFAULT '{}';
-- Permissions as Port keeps them: {"entities": {...}}; enforced with identity.
ALTER TABLE blueprints ADD COLUMN permissions JSONB NOT NULL DEFAULT '{}';

-- One row; the number grows with every change of a blueprint or scorecard, so
-- that each process knows whether its compiled model is still right.
CREATE TABLE catalog_model (
  one BIGINT NOT NULL PRIMARY KEY,
  revision BIGINT NOT NULL
);
INSERT INTO catalog_model (one, revision) VALUES (1, 1);

-- Every state an entity had. doc is the state after the change (before it, for
-- a delete): {title, icon, team, properties, relations, derived, scorecards}.
CREATE TABLE entity_versions (
-- only postgres: id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
-- only sqlite: id INTEGER PRIMARY KEY AUTOINCREMENT,
  entity BIGINT NOT NULL,
  version BIGINT NOT NULL,
-- only postgres: blueprint TEXT COLLATE "C" NOT NULL,
-- only sqlite: blueprint TEXT NOT NULL,
-- only postgres: identifier TEXT COLLATE "C" NOT NULL,
-- only sqlite: identifier TEXT NOT NULL,
-- create, update, derive, delete or restore.
  verb TEXT NOT NULL,
  at BIGINT NOT NULL,
  actor TEXT NOT NULL,
  datasource TEXT NOT NULL,
  run_id TEXT NOT NULL,
-- What made it happen, where it was another entity: "Blueprint/identifier".
  cause TEXT NOT NULL,
  doc JSONB NOT NULL
);
CREATE INDEX entity_versions_of ON entity_versions (entity, id);
CREATE INDEX entity_versions_by_name ON entity_versions (blueprint, identifier, id);
CREATE INDEX entity_versions_deleted ON entity_versions (blueprint, id) WHERE verb = 'delete';

-- Entities whose derived values must be worked out again, in the order of id.
CREATE TABLE derive_queue (
  entity BIGINT NOT NULL PRIMARY KEY,
  cause TEXT NOT NULL,
  at BIGINT NOT NULL
);
-- Blueprints all of whose entities must be, and how far that has come.
CREATE TABLE derive_backfill (
-- only postgres: blueprint TEXT COLLATE "C" NOT NULL PRIMARY KEY,
-- only sqlite: blueprint TEXT NOT NULL PRIMARY KEY,
  after_id BIGINT NOT NULL,
  cause TEXT NOT NULL,
  at BIGINT NOT NULL
);
INSERT INTO derive_backfill (blueprint, after_id, cause, at) SELECT identifier, 0, 'upgrade', 0 FROM blueprints;

-- Scorecards, one document each as it was sent.
CREATE TABLE scorecards (
-- only postgres: blueprint TEXT COLLATE "C" NOT NULL REFERENCES blueprints (identifier) ON UPDATE CASCADE,
-- only sqlite: blueprint TEXT NOT NULL REFERENCES blueprints (identifier) ON UPDATE CASCADE,
-- only postgres: identifier TEXT COLLATE "C" NOT NULL,
-- only sqlite: identifier TEXT NOT NULL,
  position BIGINT NOT NULL,
  doc JSONB NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  updated_by TEXT NOT NULL,
  PRIMARY KEY (blueprint, identifier)
);

-- How many entities each blueprint has, and how many have each value of a
-- property with few values; kept in the transaction of the change.
CREATE TABLE facet_counts (
-- only postgres: blueprint TEXT COLLATE "C" NOT NULL,
-- only sqlite: blueprint TEXT NOT NULL,
-- only postgres: property TEXT COLLATE "C" NOT NULL,
-- only sqlite: property TEXT NOT NULL,
-- only postgres: value TEXT COLLATE "C" NOT NULL,
-- only sqlite: value TEXT NOT NULL,
  n BIGINT NOT NULL,
  PRIMARY KEY (blueprint, property, value)
-- only postgres: );
-- only sqlite: ) WITHOUT ROWID;
-- Property '' counts all entities of the blueprint.
INSERT INTO facet_counts (blueprint, property, value, n) SELECT blueprint, '', '', COUNT(*) FROM entities GROUP BY blueprint;
