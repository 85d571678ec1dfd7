-- What people are told, how and when. A notice is written in the transaction of
-- its cause; a worker hands it to its recipients later.
CREATE TABLE notices (
  id TEXT PRIMARY KEY,
  kind TEXT NOT NULL,
  title TEXT NOT NULL,
  body TEXT NOT NULL,
  url TEXT NOT NULL,
  key TEXT NOT NULL,
  urgent BIGINT NOT NULL,
  recipients TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  handed_at BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX notices_key ON notices (key) WHERE key <> '';
CREATE INDEX notices_new ON notices (id) WHERE handed_at = 0;
CREATE INDEX notices_age ON notices (created_at);

-- The inbox: one notice for one person.
CREATE TABLE notice_inbox (
  user_id TEXT NOT NULL,
  notice_id TEXT NOT NULL REFERENCES notices (id) ON DELETE CASCADE,
  read_at BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (user_id, notice_id)
);
CREATE INDEX notice_inbox_unread ON notice_inbox (user_id) WHERE read_at = 0;
CREATE INDEX notice_inbox_notice ON notice_inbox (notice_id);

-- What goes over a channel: mail to a person, or a message to a channel that
-- administrators set up (user_id is empty then). There is one for each notice,
-- person and channel.
CREATE TABLE notice_deliveries (
  id TEXT PRIMARY KEY,
  notice_id TEXT NOT NULL REFERENCES notices (id) ON DELETE CASCADE,
  user_id TEXT NOT NULL,
  channel TEXT NOT NULL,
  state TEXT NOT NULL,
  digest BIGINT NOT NULL DEFAULT 0,
  attempts BIGINT NOT NULL DEFAULT 0,
  next_at BIGINT NOT NULL,
  status TEXT NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL,
  ended_at BIGINT NOT NULL DEFAULT 0,
  UNIQUE (notice_id, user_id, channel)
);
CREATE INDEX notice_deliveries_due ON notice_deliveries (next_at) WHERE state = 'waiting';

CREATE TABLE notice_channels (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  type TEXT NOT NULL,
  host TEXT NOT NULL,
  kinds TEXT NOT NULL,
  teams TEXT NOT NULL,
  enabled BIGINT NOT NULL,
  created_by TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL
);

CREATE TABLE notice_preferences (
  user_id TEXT PRIMARY KEY,
  doc TEXT NOT NULL,
  updated_at BIGINT NOT NULL
);
