-- Views of lists that are not a blueprint's entities: the list of flags. A view
-- has a blueprint or the name of its list.
CREATE TABLE views_of_lists (
  id TEXT PRIMARY KEY,
-- only postgres: blueprint TEXT COLLATE "C" REFERENCES blueprints (identifier) ON UPDATE CASCADE ON DELETE CASCADE,
-- only sqlite: blueprint TEXT REFERENCES blueprints (identifier) ON UPDATE CASCADE ON DELETE CASCADE,
  list TEXT NOT NULL,
  owner TEXT NOT NULL,
  owner_name TEXT NOT NULL,
  name TEXT NOT NULL,
  state TEXT NOT NULL,
  shared BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);
INSERT INTO views_of_lists (id, blueprint, list, owner, owner_name, name, state, shared, created_at, updated_at)
  SELECT id, blueprint, '', owner, owner_name, name, state, shared, created_at, updated_at FROM views;
DROP TABLE views;
ALTER TABLE views_of_lists RENAME TO views;
CREATE UNIQUE INDEX views_name ON views (owner, list, COALESCE(blueprint, ''), name);
CREATE INDEX views_shared ON views (blueprint, list, name) WHERE shared = 1;
