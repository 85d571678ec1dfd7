// The names the UI uses for the API's shapes. The shapes themselves are
// generated from the portal's OpenAPI document.
import type { components } from './schema';

type Schemas = components['schemas'];

export type User = Schemas['User'];
export type Me = Schemas['MeAnswer'];
export type DemoUser = Schemas['DemoUser'];
export type Status = Schemas['StatusAnswer'];
export type Team = Schemas['Team'];
export type Holdings = Schemas['Holdings'];
export type Token = Schemas['Token'];
export type Session = Schemas['Session'];
export type PersonAccount = Schemas['PersonAccount'];
export type ServiceAccount = Schemas['ServiceAccount'];
export type ServiceToken = Schemas['ServiceToken'];
export type TrustRule = Schemas['TrustRule'];

export type Property = Schemas['BlueprintProperty'];
export type Relation = Schemas['BlueprintRelation'];
/** A blueprint as read: what may be left out when writing is there. */
export type Blueprint = Schemas['Blueprint'] & { relations: Record<string, Relation> };
export type Entity = Schemas['Entity'];
export type Rule = Schemas['SearchRule'];
export type SavedView = Schemas['View'];
export type Hit = Schemas['Hit'];
export type Graph = Schemas['Graph'];
export type GraphNode = Schemas['Node'];
export type GraphEdge = Schemas['Edge'];
export type PathStep = Schemas['Step'];
export type ImpactCount = Schemas['ImpactCount'];
export type Version = Schemas['Version'];
export type Deleted = Schemas['DeletedEntity'];
export type ImportItem = Schemas['ImportItem'];
export type Finding = Schemas['Finding'];
export type ImportReport = Schemas['Report'];

export type Action = Omit<Schemas['ActionInfo'], 'input'> & { input: InputSchema };
export type Actor = Schemas['Actor'];
export type Check = Schemas['Check'];
export type Plan = Schemas['Plan'];
export type FileChange = Schemas['FileChange'];
export type RepositoryChange = Schemas['RepositoryChange'];
export type PlannedPullRequest = Schemas['PlannedPullRequest'];
export type SavedPlan = Schemas['SavedPlan'];
export type Run = Schemas['Run'];
export type RunState = Run['state'];
export type StepRun = Schemas['StepRun'];
export type ChangeEntry = Schemas['ChangeEntry'];
/** A line of a run's log (with its step) or of a service's (with its stream). */
export type LogLine = Pick<Schemas['LogLine'], 'seq' | 'at' | 'text'> & { step?: string; stream?: string };

export type Person = Schemas['Person'];
export type ReviewRule = Schemas['ReviewRule'];
export type Repository = Schemas['Repository'];
export type Branch = Schemas['Branch'];
export type Commit = Schemas['Commit'];
export type TreeEntry = Schemas['TreeEntry'];
export type RepoFile = Schemas['FileContent'];
export type FileDiff = Schemas['FileDiff'];
export type CommitStatus = Schemas['CommitStatus'];
export type Review = Schemas['Review'];
export type Comment = Schemas['Comment'];
export type PullRequest = Schemas['PullRequest'];

export type Instance = Schemas['Instance'];
export type Deployment = Schemas['Deployment'];
export type AuditEvent = Schemas['Event'];
export type FirstAnswer = Schemas['Summary'];
export type Home = Schemas['HomeAnswer'];

// Two shapes are open in the document: an action's input is a JSON Schema of
// its own, and what a failure carries depends on its code.

/** One field of an action's input, with the portal's extensions. */
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

/** An action's input. */
export type InputSchema = {
  type: string;
  title?: string;
  description?: string;
  properties: Record<string, InputProperty>;
  required: string[];
  additionalProperties: boolean;
  'x-order'?: string[];
};

/** One thing that changed between two plans; carried by plan_changed. */
export type Difference = { section: string; name: string; before: string; after: string };
