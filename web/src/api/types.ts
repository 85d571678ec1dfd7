// The shapes the API speaks, as the Go structs write them.

export type User = {
  id: string;
  email: string;
  name: string;
  roles: string[];
  teams: string[];
  status?: string;
  createdAt?: string;
};
export type Me = { user: User; version: string; demo: boolean; setupNeeded: boolean };
export type DemoUser = { email: string; name: string; roles: string[] };
export type Status = { version: string; demo: boolean; setupNeeded: boolean; demoUsers?: DemoUser[] };
export type Team = { name: string; title: string; description: string; members: number };
export type Token = {
  id: string;
  name: string;
  /** The beginning of the token, to tell tokens apart. */
  hint: string;
  createdAt: string;
  expiresAt: string;
  usedAt?: string;
};
export type Session = {
  id: string;
  ip: string;
  userAgent: string;
  createdAt: string;
  seenAt: string;
  expiresAt: string;
  current?: boolean;
};

// Catalog

export type Property = {
  type: string;
  format?: string;
  title?: string;
  description?: string;
  icon?: string;
  enum?: unknown[];
  enumColors?: Record<string, string>;
  default?: unknown;
  pattern?: string;
  items?: Record<string, unknown>;
  spec?: string;
};
export type Relation = {
  title?: string;
  description?: string;
  target: string;
  required: boolean;
  many: boolean;
};
export type Blueprint = {
  identifier: string;
  title: string;
  description?: string;
  icon?: string;
  schema: { properties: Record<string, Property>; required: string[] };
  relations: Record<string, Relation>;
  createdAt: string;
  updatedAt: string;
  createdBy: string;
  updatedBy: string;
  entityCount: number;
};
export type Entity = {
  identifier: string;
  title: string;
  icon?: string;
  blueprint: string;
  team: string[];
  properties: Record<string, unknown>;
  relations: Record<string, unknown>;
  createdAt: string;
  updatedAt: string;
  createdBy: string;
  updatedBy: string;
};
export type Rule = { property: string; operator: string; value?: unknown };
export type EntityPage = { entities: Entity[]; next?: string; total: number };
export type Hit = { blueprint: string; identifier: string; title: string; icon?: string };
export type GraphNode = {
  id: string;
  blueprint: string;
  identifier: string;
  title: string;
  icon?: string;
  depth: number;
};
export type GraphEdge = { from: string; to: string; relation: string };
export type Graph = { nodes: GraphNode[]; edges: GraphEdge[]; more: Record<string, number> };
export type ImportItem = { file: string; blueprint?: string; identifier: string; verb: string };
export type Finding = {
  file: string;
  line: number;
  column: number;
  path?: string;
  problem: string;
  done: string;
};
export type ImportReport = {
  blueprints: ImportItem[];
  entities: ImportItem[];
  repairs: Finding[];
  refusals: Finding[];
  dryRun: boolean;
};

// Actions, plans and runs

export type InputProperty = {
  type: string;
  title?: string;
  description?: string;
  default?: unknown;
  pattern?: string;
  enum?: unknown[];
  'x-enum-titles'?: string[];
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  format?: string;
  items?: { type: string };
  'x-entity'?: string;
  'x-team'?: boolean;
  'x-advanced'?: boolean;
  'x-secret'?: boolean;
  'x-example'?: string;
  'x-pattern-help'?: string;
};
export type InputSchema = {
  type: string;
  title?: string;
  description?: string;
  properties: Record<string, InputProperty>;
  required: string[];
  additionalProperties: boolean;
  'x-order'?: string[];
};
export type Action = {
  identifier: string;
  title: string;
  description: string;
  icon: string;
  group: string;
  blueprint?: string;
  roles: string[];
  input: InputSchema;
  allowed: boolean;
  reason?: string;
  stats?: { runs: number; successRate: number; medianMillis: number };
};
export type Check = {
  identifier: string;
  title: string;
  ok: boolean;
  found: string;
  expected?: string;
  fix?: string;
  url?: string;
};
export type FileChange = {
  path: string;
  verb: string;
  diff: string;
  added: number;
  removed: number;
  binary?: boolean;
};
export type RepositoryChange = {
  repository: string;
  created: boolean;
  branch: string;
  message: string;
  files: FileChange[];
};
export type PlannedPullRequest = {
  repository: string;
  title: string;
  branch: string;
  merge: string;
  rule: string;
  reviewers?: string[];
};
export type Plan = {
  summary: string;
  repositories: RepositoryChange[];
  pullRequests: PlannedPullRequest[];
  calls: { system: string; description: string }[];
  catalog: {
    verb: string;
    blueprint: string;
    identifier: string;
    title: string;
    properties?: Record<string, unknown>;
    relations?: Record<string, unknown>;
  }[];
  processes: {
    verb: string;
    service: string;
    environment: string;
    command: string;
    limits: string;
    address: string;
  }[];
  objects: { verb: string; kind: string; name: string; environment: string; held: boolean }[];
  approvals: { title: string; auto: boolean; rule: string; who?: string[] }[];
  steps: { name: string; title: string; undo?: string }[];
  warnings: string[];
  locks: string[];
  facts: Record<string, string>;
  entities: string[];
  digest: string;
};
export type Difference = { section: string; name: string; before: string; after: string };
export type SavedPlan = {
  id: string;
  action: string;
  title: string;
  entity?: string;
  input: Record<string, unknown>;
  plan: Plan;
  createdAt: string;
  expiresAt: string;
};
export type RunState = 'pending' | 'running' | 'waiting' | 'succeeded' | 'failed' | 'cancelled' | 'undone';
export type Actor = { id: string; name: string; email: string; roles: string[]; teams: string[] };
export type StepRun = {
  index: number;
  name: string;
  title: string;
  type: string;
  safety: string;
  state: RunState;
  args: unknown;
  result?: unknown;
  attempt: number;
  error?: string;
  retryAt?: string;
  startedAt?: string;
  endedAt?: string;
  estimateMillis: number;
};
export type ChangeEntry = { step: string; kind: string; title: string; url?: string; [key: string]: unknown };
export type Run = {
  id: string;
  action: string;
  title: string;
  state: RunState;
  input: Record<string, unknown>;
  planId?: string;
  entities: string[];
  actor: Actor;
  undoing: boolean;
  cancelRequested: boolean;
  waiting?: { kind: string; key: string; reason: string; url?: string; until?: string };
  blockedBy?: string;
  error?: string;
  createdAt: string;
  startedAt?: string;
  endedAt?: string;
  steps?: StepRun[];
  changes?: ChangeEntry[];
  can: { cancel: boolean; retry: boolean; undo: boolean };
  stepsDone: number;
  stepsTotal: number;
};
export type LogLine = { seq: number; at: string; step?: string; stream?: string; text: string };

// Forge

export type Person = { id: string; name: string; email: string };
export type ReviewRule = Record<string, unknown>;
export type Repository = {
  name: string;
  description: string;
  defaultBranch: string;
  cloneUrl: string;
  owner: string;
  archived: boolean;
  createdAt: string;
  updatedAt: string;
  openPullRequests: number;
  rules?: ReviewRule[];
};
export type Branch = { name: string; sha: string; subject: string; updatedAt: string; protected: boolean };
export type Commit = {
  sha: string;
  subject: string;
  message: string;
  author: Person;
  at: string;
  parents: string[];
};
export type TreeEntry = { name: string; path: string; kind: string; size: number };
export type RepoFile = { path: string; content: string; binary: boolean; truncated: boolean; size: number };
export type FileDiff = {
  path: string;
  oldPath?: string;
  verb: string;
  added: number;
  removed: number;
  binary: boolean;
  patch: string;
  truncated: boolean;
};
export type CommitStatus = {
  context: string;
  state: string;
  description: string;
  url?: string;
  at?: string;
};
export type Review = { by: Person; verdict: string; body: string; sha: string; stale: boolean; at: string };
export type Comment = { id?: string; by: Person; body: string; at: string };
export type PullRequest = {
  repository: string;
  number: number;
  title: string;
  body: string;
  state: 'open' | 'merged' | 'closed';
  head: string;
  headSha: string;
  base: string;
  baseSha: string;
  mergeSha?: string;
  author: Person;
  runId?: string;
  createdAt: string;
  updatedAt: string;
  mergedAt?: string;
  mergedBy?: Person;
  mergeable?: { ok: boolean; byRule?: string; blocked: string[]; reviewers: string[] };
  reviews?: Review[];
  comments?: Comment[];
  statuses?: CommitStatus[];
  commits?: Commit[];
};

// Running services

export type Instance = {
  service: string;
  environment: string;
  version: string;
  state: 'starting' | 'ready' | 'unready' | 'crashed' | 'stopped';
  address: string;
  port: number;
  pid: number;
  restarts: number;
  lastError?: string;
  startedAt?: string;
  readyAt?: string;
  firstAnswerAt?: string;
};
export type Deployment = {
  id: string;
  service: string;
  environment: string;
  version: string;
  state: string;
  runId: string;
  by: string;
  at: string;
};

// Audit, insight, home

export type AuditEvent = {
  seq: number;
  at: string;
  actor: string;
  actorName: string;
  verb: string;
  object: string;
  outcome: 'success' | 'denied' | 'failure';
  runId?: string;
  requestId?: string;
  detail?: unknown;
};
export type FirstAnswer = {
  count: number;
  p50Millis: number;
  p90Millis: number;
  last: { runId: string; subject: string; millis: number; parts: Record<string, number>; at: string }[];
};
export type Home = {
  myServices: Entity[];
  myRuns: Run[];
  waiting: { pullRequests: PullRequest[]; runs: Run[] };
  changes: AuditEvent[];
  recent: Hit[];
};
