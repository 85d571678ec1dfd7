-- Rules, requests and decisions of approvals.
CREATE TABLE approval_rules (
  id TEXT PRIMARY KEY,
  position BIGINT NOT NULL,
  name TEXT NOT NULL UNIQUE,
  enabled BIGINT NOT NULL,
  effect TEXT NOT NULL,
  doc TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_by TEXT NOT NULL,
  updated_at BIGINT NOT NULL
);
-- version grows with every change of a rule: a run is started only by the rules
-- its plan was made with.
CREATE TABLE approval_state (
  one BIGINT PRIMARY KEY CHECK (one = 1),
  version BIGINT NOT NULL
);
INSERT INTO approval_state (one, version) VALUES (1, 1);

-- One request for each time that a step of a run asks; current is the last.
CREATE TABLE approval_requests (
  id TEXT PRIMARY KEY,
  run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  idx BIGINT NOT NULL,
  current BIGINT NOT NULL,
  state TEXT NOT NULL,
  digest TEXT NOT NULL,
  requester TEXT NOT NULL,
  action TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  decided_at BIGINT NOT NULL DEFAULT 0,
  decider TEXT NOT NULL DEFAULT '',
  decider_name TEXT NOT NULL DEFAULT '',
  comment TEXT NOT NULL DEFAULT '',
  due_at BIGINT NOT NULL DEFAULT 0,
  remind_at BIGINT NOT NULL DEFAULT 0,
  reminders BIGINT NOT NULL DEFAULT 0,
  escalate_at BIGINT NOT NULL DEFAULT 0,
  escalated BIGINT NOT NULL DEFAULT 0,
  expires_at BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX approval_requests_current ON approval_requests (run_id, idx) WHERE current = 1;
CREATE INDEX approval_requests_open ON approval_requests (id) WHERE state = 'open';
CREATE INDEX approval_requests_requester ON approval_requests (requester, id);
CREATE INDEX approval_requests_decided ON approval_requests (decided_at) WHERE decided_at > 0;

-- counts lists the groups, as [ask, group], in which the decision counts.
-- behalf is for whom somebody decided who was away.
CREATE TABLE approval_decisions (
  request_id TEXT NOT NULL REFERENCES approval_requests (id) ON DELETE CASCADE,
  actor_id TEXT NOT NULL,
  actor_name TEXT NOT NULL,
  behalf TEXT NOT NULL DEFAULT '',
  behalf_name TEXT NOT NULL DEFAULT '',
  approve BIGINT NOT NULL,
  counts TEXT NOT NULL,
  comment TEXT NOT NULL,
  digest TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (request_id, actor_id)
);
CREATE INDEX approval_decisions_actor ON approval_decisions (actor_id, request_id);

CREATE TABLE approval_delegations (
  id TEXT PRIMARY KEY,
  giver TEXT NOT NULL,
  taker TEXT NOT NULL,
  reason TEXT NOT NULL,
  from_at BIGINT NOT NULL,
  until_at BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  ended_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX approval_delegations_taker ON approval_delegations (taker, until_at);
CREATE INDEX approval_delegations_giver ON approval_delegations (giver, until_at);

-- While a hold stands, no step starts of a run that it is about.
CREATE TABLE approval_holds (
  id TEXT PRIMARY KEY,
  action TEXT NOT NULL,
  environment TEXT NOT NULL,
  entity TEXT NOT NULL,
  reason TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  until_at BIGINT NOT NULL
);

-- What was decided before there were requests.
INSERT INTO approval_requests (id, run_id, idx, current, state, digest, requester, action, created_at, decided_at, decider, decider_name, comment)
  SELECT d.run_id || '/' || d.idx, d.run_id, d.idx, 1, CASE d.approve WHEN 1 THEN 'approved' ELSE 'declined' END, '', r.actor_id, r.action, d.at, d.at, d.actor_id, d.actor_name, d.comment
  FROM run_decisions d JOIN runs r ON r.id = d.run_id;
DROP TABLE run_decisions;
-- Runs that wait for a decision look again, so that they get their request.
UPDATE runs SET due_at = 1 WHERE state = 'waiting' AND wait_kind = 'approval';
