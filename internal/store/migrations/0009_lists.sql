-- Lists are walked along an index that holds everything the walk looks at:
-- what is pending is left out of the index instead of being asked for.
DROP INDEX entities_by_title;
DROP INDEX entities_by_update;
DROP INDEX entities_by_creation;
CREATE INDEX entities_by_title ON entities (blueprint, title_fold, id) WHERE pending = 0;
CREATE INDEX entities_by_identifier ON entities (blueprint, identifier, id) WHERE pending = 0;
CREATE INDEX entities_by_update ON entities (blueprint, updated_at, id) WHERE pending = 0;
CREATE INDEX entities_by_creation ON entities (blueprint, created_at, id) WHERE pending = 0;
DROP INDEX entities_by_s1;
CREATE INDEX entities_by_s1 ON entities (blueprint, s1, id) WHERE s1 IS NOT NULL AND pending = 0;
DROP INDEX entities_by_s2;
CREATE INDEX entities_by_s2 ON entities (blueprint, s2, id) WHERE s2 IS NOT NULL AND pending = 0;
DROP INDEX entities_by_s3;
CREATE INDEX entities_by_s3 ON entities (blueprint, s3, id) WHERE s3 IS NOT NULL AND pending = 0;
DROP INDEX entities_by_s4;
CREATE INDEX entities_by_s4 ON entities (blueprint, s4, id) WHERE s4 IS NOT NULL AND pending = 0;
DROP INDEX entities_by_s5;
CREATE INDEX entities_by_s5 ON entities (blueprint, s5, id) WHERE s5 IS NOT NULL AND pending = 0;
DROP INDEX entities_by_s6;
CREATE INDEX entities_by_s6 ON entities (blueprint, s6, id) WHERE s6 IS NOT NULL AND pending = 0;
DROP INDEX entities_by_s7;
CREATE INDEX entities_by_s7 ON entities (blueprint, s7, id) WHERE s7 IS NOT NULL AND pending = 0;
DROP INDEX entities_by_s8;
CREATE INDEX entities_by_s8 ON entities (blueprint, s8, id) WHERE s8 IS NOT NULL AND pending = 0;
DROP INDEX entities_by_s9;
CREATE INDEX entities_by_s9 ON entities (blueprint, s9, id) WHERE s9 IS NOT NULL AND pending = 0;
DROP INDEX entities_by_s10;
CREATE INDEX entities_by_s10 ON entities (blueprint, s10, id) WHERE s10 IS NOT NULL AND pending = 0;
DROP INDEX entities_by_n1;
CREATE INDEX entities_by_n1 ON entities (blueprint, n1, id) WHERE n1 IS NOT NULL AND pending = 0;
DROP INDEX entities_by_n2;
CREATE INDEX entities_by_n2 ON entities (blueprint, n2, id) WHERE n2 IS NOT NULL AND pending = 0;
DROP INDEX entities_by_n3;
CREATE INDEX entities_by_n3 ON entities (blueprint, n3, id) WHERE n3 IS NOT NULL AND pending = 0;
DROP INDEX entities_by_n4;
CREATE INDEX entities_by_n4 ON entities (blueprint, n4, id) WHERE n4 IS NOT NULL AND pending = 0;
DROP INDEX entities_by_n5;
CREATE INDEX entities_by_n5 ON entities (blueprint, n5, id) WHERE n5 IS NOT NULL AND pending = 0;
DROP INDEX entities_by_n6;
CREATE INDEX entities_by_n6 ON entities (blueprint, n6, id) WHERE n6 IS NOT NULL AND pending = 0;
DROP INDEX entities_by_n7;
CREATE INDEX entities_by_n7 ON entities (blueprint, n7, id) WHERE n7 IS NOT NULL AND pending = 0;
DROP INDEX entities_by_n8;
CREATE INDEX entities_by_n8 ON entities (blueprint, n8, id) WHERE n8 IS NOT NULL AND pending = 0;

-- Which entities have a value, as sets of ids: one row for each run of 16,384
-- ids, a sorted list or a bitmap; docs/adr/0012. Property '' is all entities.
CREATE TABLE facet_sets (
-- only postgres: blueprint TEXT COLLATE "C" NOT NULL,
-- only sqlite: blueprint TEXT NOT NULL,
-- only postgres: property TEXT COLLATE "C" NOT NULL,
-- only sqlite: property TEXT NOT NULL,
-- only postgres: value TEXT COLLATE "C" NOT NULL,
-- only sqlite: value TEXT NOT NULL,
  chunk BIGINT NOT NULL,
  n BIGINT NOT NULL,
-- only postgres: ids BYTEA NOT NULL,
-- only sqlite: ids BLOB NOT NULL,
  PRIMARY KEY (blueprint, property, value, chunk)
);
-- only postgres: ALTER TABLE facet_sets ALTER COLUMN ids SET STORAGE PLAIN, SET (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.02);
