-- email_key is the address in lower case: one account per address.
-- password is an argon2id PHC string, or empty for who signs in elsewhere.
CREATE TABLE auth_users (
  id TEXT PRIMARY KEY,
  email TEXT NOT NULL,
  email_key TEXT NOT NULL UNIQUE,
  name TEXT NOT NULL,
  password TEXT NOT NULL,
  roles JSONB NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('active', 'suspended')),
  created_at BIGINT NOT NULL
);
CREATE TABLE auth_teams (
  name TEXT PRIMARY KEY,
  title TEXT NOT NULL,
  description TEXT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE TABLE auth_members (
  user_id TEXT NOT NULL REFERENCES auth_users (id) ON DELETE CASCADE,
  team TEXT NOT NULL REFERENCES auth_teams (name) ON DELETE CASCADE,
  PRIMARY KEY (user_id, team)
);
CREATE INDEX auth_members_by_team ON auth_members (team);
-- hash is the SHA-256 of what the browser holds.
CREATE TABLE auth_sessions (
  id TEXT PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE,
  user_id TEXT NOT NULL REFERENCES auth_users (id) ON DELETE CASCADE,
  ip TEXT NOT NULL,
  user_agent TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  seen_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX auth_sessions_by_user ON auth_sessions (user_id, created_at);
CREATE INDEX auth_sessions_by_end ON auth_sessions (expires_at);
CREATE TABLE auth_tokens (
  id TEXT PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE,
  user_id TEXT NOT NULL REFERENCES auth_users (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  hint TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  used_at BIGINT NOT NULL
);
CREATE INDEX auth_tokens_by_user ON auth_tokens (user_id, created_at);
-- One row per setup link that was printed while nobody has an account yet.
CREATE TABLE auth_setup (
  hash TEXT PRIMARY KEY,
  expires_at BIGINT NOT NULL
);
