-- Identities from outside, machines and their trust.
ALTER TABLE auth_users ADD COLUMN contractor BIGINT NOT NULL DEFAULT 0;

-- auth_at is when the person last proved itself. issuer, subject and sid say
-- which login at a provider a session stands on; refresh is that provider's
-- refresh token, sealed; checked_at is when the provider was last asked.
-- old_hash is the id before the last change of it, good until old_until, for
-- requests that were on their way. renew asks for a new id.
ALTER TABLE auth_sessions ADD COLUMN auth_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE auth_sessions ADD COLUMN issuer TEXT NOT NULL DEFAULT '';
ALTER TABLE auth_sessions ADD COLUMN subject TEXT NOT NULL DEFAULT '';
ALTER TABLE auth_sessions ADD COLUMN sid TEXT NOT NULL DEFAULT '';
ALTER TABLE auth_sessions ADD COLUMN refresh TEXT NOT NULL DEFAULT '';
ALTER TABLE auth_sessions ADD COLUMN checked_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE auth_sessions ADD COLUMN old_hash TEXT NOT NULL DEFAULT '';
ALTER TABLE auth_sessions ADD COLUMN old_until BIGINT NOT NULL DEFAULT 0;
ALTER TABLE auth_sessions ADD COLUMN renew BIGINT NOT NULL DEFAULT 0;
CREATE INDEX auth_sessions_by_old_hash ON auth_sessions (old_hash);
CREATE INDEX auth_sessions_by_login ON auth_sessions (issuer, subject) WHERE issuer <> '';
CREATE INDEX auth_sessions_to_check ON auth_sessions (checked_at) WHERE refresh <> '';

-- A person at a provider: the issuer and its subject, never the address.
-- granted are the roles and teams that came from the provider's groups.
CREATE TABLE auth_identities (
-- only postgres: issuer TEXT COLLATE "C" NOT NULL,
-- only sqlite: issuer TEXT NOT NULL,
-- only postgres: subject TEXT COLLATE "C" NOT NULL,
-- only sqlite: subject TEXT NOT NULL,
  user_id TEXT NOT NULL REFERENCES auth_users (id) ON DELETE CASCADE,
  granted JSONB NOT NULL,
  created_at BIGINT NOT NULL,
  seen_at BIGINT NOT NULL,
  PRIMARY KEY (issuer, subject)
);
CREATE INDEX auth_identities_by_user ON auth_identities (user_id);

-- What may be used once: states of logins, ids of logout tokens.
CREATE TABLE auth_used (
  hash TEXT PRIMARY KEY,
  expires_at BIGINT NOT NULL
);
CREATE INDEX auth_used_by_end ON auth_used (expires_at);

-- scopes of a token: a JSON list; empty text is all.
ALTER TABLE auth_tokens ADD COLUMN scopes TEXT NOT NULL DEFAULT '';

-- A machine that acts for a team. It is good only while its owner is.
CREATE TABLE auth_services (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  description TEXT NOT NULL,
  owner_id TEXT NOT NULL REFERENCES auth_users (id) ON DELETE CASCADE,
  team TEXT NOT NULL,
  roles JSONB NOT NULL,
  enabled BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  created_by TEXT NOT NULL
);
CREATE INDEX auth_services_by_owner ON auth_services (owner_id);
-- kind is service, or ci for what a CI job got for its own token; origin says
-- which job that was.
CREATE TABLE auth_service_tokens (
  id TEXT PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE,
  service_id TEXT NOT NULL REFERENCES auth_services (id) ON DELETE CASCADE,
  kind TEXT NOT NULL CHECK (kind IN ('service', 'ci')),
  trust_id TEXT NOT NULL,
  name TEXT NOT NULL,
  hint TEXT NOT NULL,
  scopes TEXT NOT NULL,
  origin TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at BIGINT NOT NULL
);
CREATE INDEX auth_service_tokens_by_service ON auth_service_tokens (service_id, created_at);
CREATE INDEX auth_service_tokens_by_end ON auth_service_tokens (expires_at);

-- Which CI jobs get a token of which service account: tokens of the issuer for
-- the audience whose claims meet every condition.
CREATE TABLE auth_trust (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  issuer TEXT NOT NULL,
  audience TEXT NOT NULL,
  conditions JSONB NOT NULL,
  service_id TEXT NOT NULL REFERENCES auth_services (id) ON DELETE CASCADE,
  scopes TEXT NOT NULL,
  ttl_seconds BIGINT NOT NULL,
  enabled BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  used_at BIGINT NOT NULL
);
CREATE INDEX auth_trust_by_issuer ON auth_trust (issuer);

-- Who may tell us by SCIM which people and groups there are.
CREATE TABLE scim_clients (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  issuer TEXT NOT NULL,
  hash TEXT NOT NULL UNIQUE,
  hint TEXT NOT NULL,
  enabled BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at BIGINT NOT NULL
);
-- user_name is compared without letter case (RFC 7643, 4.1.1).
CREATE TABLE scim_users (
  client_id TEXT NOT NULL REFERENCES scim_clients (id) ON DELETE CASCADE,
  user_id TEXT NOT NULL REFERENCES auth_users (id) ON DELETE CASCADE,
  external_id TEXT NOT NULL,
  user_name TEXT NOT NULL,
  user_name_key TEXT NOT NULL,
  doc JSONB NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (client_id, user_id)
);
CREATE UNIQUE INDEX scim_users_by_name ON scim_users (client_id, user_name_key);
CREATE INDEX scim_users_by_external ON scim_users (client_id, external_id);
CREATE TABLE scim_groups (
  client_id TEXT NOT NULL REFERENCES scim_clients (id) ON DELETE CASCADE,
  id TEXT NOT NULL,
  external_id TEXT NOT NULL,
  display_name TEXT NOT NULL,
  display_key TEXT NOT NULL,
  team TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (client_id, id)
);
CREATE UNIQUE INDEX scim_groups_by_name ON scim_groups (client_id, display_key);
