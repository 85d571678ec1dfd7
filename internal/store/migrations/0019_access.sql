-- The permissions that a blueprint had when it was deleted, for its restore.
ALTER TABLE blueprint_versions ADD COLUMN permissions JSONB NOT NULL DEFAULT '{}';
