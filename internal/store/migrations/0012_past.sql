-- The past of the catalog and the sources that fill it; docs/history.md,
-- docs/sources.md, docs/adr/0013.

-- Every state a blueprint had: doc is the state after the change (before it,
-- for a delete).
CREATE TABLE blueprint_versions (
-- only postgres: id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
-- only sqlite: id INTEGER PRIMARY KEY AUTOINCREMENT,
-- only postgres: blueprint TEXT COLLATE "C" NOT NULL,
-- only sqlite: blueprint TEXT NOT NULL,
-- create, update, delete or restore.
  verb TEXT NOT NULL,
  at BIGINT NOT NULL,
  actor TEXT NOT NULL,
  doc JSONB NOT NULL
);
CREATE INDEX blueprint_versions_of ON blueprint_versions (blueprint, id);
INSERT INTO blueprint_versions (blueprint, verb, at, actor, doc) SELECT identifier, 'create', updated_at, updated_by, doc FROM blueprints;

-- Deletes of all blueprints, newest first.
CREATE INDEX entity_versions_all_deleted ON entity_versions (id) WHERE verb = 'delete';

-- The references that a delete emptied, to be put back when it is undone.
CREATE TABLE entity_released (
  version BIGINT NOT NULL REFERENCES entity_versions (id) ON DELETE CASCADE,
  source BIGINT NOT NULL,
-- only postgres: relation TEXT COLLATE "C" NOT NULL,
-- only sqlite: relation TEXT NOT NULL,
  position BIGINT NOT NULL,
  PRIMARY KEY (version, source, relation, position)
-- only postgres: );
-- only sqlite: ) WITHOUT ROWID;

-- Programs that report entities. A source's entities are those whose
-- datasource begins with prefix and ends with suffix.
CREATE TABLE sources (
-- only postgres: id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
-- only sqlite: id TEXT NOT NULL PRIMARY KEY,
-- exporter, ocean or report.
  kind TEXT NOT NULL,
  prefix TEXT NOT NULL,
  suffix TEXT NOT NULL,
-- The brake: more deletes than max(brake_min, brake_percent of its entities)
-- wait for a person.
  brake_min BIGINT NOT NULL,
  brake_percent BIGINT NOT NULL,
-- Without a sign of life for so many milliseconds it is stale; 0 for a day.
  expect_every BIGINT NOT NULL,
  caller TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  seen_at BIGINT NOT NULL
);

-- What a source asked to have deleted, sweep by sweep. generation grows with
-- each sweep of a source.
CREATE TABLE sweeps (
-- only postgres: id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
-- only sqlite: id INTEGER PRIMARY KEY AUTOINCREMENT,
-- only postgres: source TEXT COLLATE "C" NOT NULL REFERENCES sources (id) ON DELETE CASCADE,
-- only sqlite: source TEXT NOT NULL REFERENCES sources (id) ON DELETE CASCADE,
  generation BIGINT NOT NULL,
-- report: by the protocol of Sphera; listed: the source asked what it has and
-- deletes one by one; live: deletes one by one without having asked.
  kind TEXT NOT NULL,
-- open, held, approved, done, rejected, failed or withdrawn.
  state TEXT NOT NULL,
  started_at BIGINT NOT NULL,
  touched_at BIGINT NOT NULL,
  ended_at BIGINT NOT NULL,
  caller TEXT NOT NULL,
-- How many entities the source had at the start, and how many deletes the
-- brake lets pass.
  entities BIGINT NOT NULL,
  brake BIGINT NOT NULL,
  pages BIGINT NOT NULL,
  seen BIGINT NOT NULL,
  reason TEXT NOT NULL,
  decided_by TEXT NOT NULL,
  decided_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX sweeps_active ON sweeps (source) WHERE state IN ('open', 'held', 'approved');
CREATE INDEX sweeps_of ON sweeps (source, id);
CREATE INDEX sweeps_by_state ON sweeps (state, touched_at) WHERE state IN ('open', 'held', 'approved');

-- One entity that a sweep would delete, or has deleted.
CREATE TABLE sweep_items (
  sweep BIGINT NOT NULL REFERENCES sweeps (id) ON DELETE CASCADE,
-- only postgres: blueprint TEXT COLLATE "C" NOT NULL,
-- only sqlite: blueprint TEXT NOT NULL,
-- only postgres: identifier TEXT COLLATE "C" NOT NULL,
-- only sqlite: identifier TEXT NOT NULL,
-- only postgres: source TEXT COLLATE "C" NOT NULL,
-- only sqlite: source TEXT NOT NULL,
-- waiting: for the end of the sweep; immediate: deleted at once; restoring: was
-- deleted, will be put back; held: for a person; deleted; rejected; kept: for
-- the reason given; withdrawn: the source reported it again.
  state TEXT NOT NULL,
  at BIGINT NOT NULL,
  dependents BIGINT NOT NULL,
  reason TEXT NOT NULL,
  PRIMARY KEY (sweep, blueprint, identifier)
-- only postgres: );
-- only sqlite: ) WITHOUT ROWID;
CREATE INDEX sweep_items_by_source ON sweep_items (source, state, at);
CREATE INDEX sweep_items_by_entity ON sweep_items (source, blueprint, identifier);

-- What an open sweep by report has seen; emptied at its end.
CREATE TABLE sweep_seen (
  sweep BIGINT NOT NULL REFERENCES sweeps (id) ON DELETE CASCADE,
-- only postgres: blueprint TEXT COLLATE "C" NOT NULL,
-- only sqlite: blueprint TEXT NOT NULL,
-- only postgres: identifier TEXT COLLATE "C" NOT NULL,
-- only sqlite: identifier TEXT NOT NULL,
  PRIMARY KEY (sweep, blueprint, identifier)
-- only postgres: );
-- only sqlite: ) WITHOUT ROWID;

-- Entities that are older than their history get a first version.
-- only postgres: INSERT INTO entity_versions (entity, version, blueprint, identifier, verb, at, actor, datasource, run_id, cause, doc) SELECT e.id, e.version, e.blueprint, e.identifier, 'create', e.updated_at, e.updated_by, '', '', '', jsonb_build_object('title', e.title, 'icon', e.icon, 'team', e.team, 'properties', e.properties, 'relations', COALESCE((SELECT jsonb_object_agg(x.relation, x.targets) FROM (SELECT r.relation, jsonb_agg(t.identifier ORDER BY r.position) AS targets FROM entity_relations r JOIN entities t ON t.id = r.target WHERE r.source = e.id GROUP BY r.relation) x), '{}'), 'derived', e.derived, 'scorecards', e.scorecards) FROM entities e WHERE NOT EXISTS (SELECT 1 FROM entity_versions v WHERE v.entity = e.id);
-- only sqlite: INSERT INTO entity_versions (entity, version, blueprint, identifier, verb, at, actor, datasource, run_id, cause, doc) SELECT e.id, e.version, e.blueprint, e.identifier, 'create', e.updated_at, e.updated_by, '', '', '', json_object('title', e.title, 'icon', e.icon, 'team', json(e.team), 'properties', json(e.properties), 'relations', json(COALESCE((SELECT json_group_object(x.relation, json(x.targets)) FROM (SELECT r.relation, json_group_array(t.identifier ORDER BY r.position) AS targets FROM entity_relations r JOIN entities t ON t.id = r.target WHERE r.source = e.id GROUP BY r.relation) x), '{}')), 'derived', json(e.derived), 'scorecards', json(e.scorecards)) FROM entities e WHERE NOT EXISTS (SELECT 1 FROM entity_versions v WHERE v.entity = e.id);
