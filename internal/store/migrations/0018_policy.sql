-- Policies that administrators write, and their versions.

-- The role manager is called maintainer.
UPDATE auth_users SET roles = CAST(REPLACE(CAST(roles AS TEXT), '"manager"', '"maintainer"') AS JSONB) WHERE CAST(roles AS TEXT) LIKE '%"manager"%';
UPDATE auth_apps SET roles = CAST(REPLACE(CAST(roles AS TEXT), '"manager"', '"maintainer"') AS JSONB) WHERE CAST(roles AS TEXT) LIKE '%"manager"%';
