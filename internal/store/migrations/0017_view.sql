-- Lists of entities as somebody likes them: filters, columns, order. The state
-- is the part of the page's address that says so.
CREATE TABLE views (
  id TEXT PRIMARY KEY,
-- only postgres: blueprint TEXT COLLATE "C" NOT NULL REFERENCES blueprints (identifier) ON UPDATE CASCADE ON DELETE CASCADE,
-- only sqlite: blueprint TEXT NOT NULL REFERENCES blueprints (identifier) ON UPDATE CASCADE ON DELETE CASCADE,
  owner TEXT NOT NULL,
  owner_name TEXT NOT NULL,
  name TEXT NOT NULL,
  state TEXT NOT NULL,
  shared BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  UNIQUE (owner, blueprint, name)
);
CREATE INDEX views_shared ON views (blueprint, name) WHERE shared = 1;
