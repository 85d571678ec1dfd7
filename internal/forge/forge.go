// Package forge speaks to git hosts with pull requests. Forge is the interface
// every host implements; Builtin is the host inside Sphera, made so that
// everything works with no outside system. forgetest is the conformance suite.
package forge

import (
	"context"
	"time"
)

// Forge is a git host. All methods are safe for concurrent use, stop when ctx
// ends, and return *fault.Error with NotFound, Taken, Conflict, Forbidden or
// Unprocessable for those conditions. Methods that create take a deterministic
// name and return the existing thing when it is already there with the same
// content, so that a step can be repeated.
type Forge interface {
	// CreateRepository makes an empty repository. A repository that exists
	// with the same Key is returned as it is; with another Key it is Taken.
	CreateRepository(ctx context.Context, in NewRepository) (Repository, error)
	Repository(ctx context.Context, name string) (Repository, error)
	Repositories(ctx context.Context, q RepositoryQuery) ([]Repository, string, error)
	// ArchiveRepository makes it read-only and frees its name for a new
	// repository by renaming it to archived/NAME-ID. Archiving twice is no error.
	ArchiveRepository(ctx context.Context, name, key string) error

	// Head returns the commit a branch points to.
	Head(ctx context.Context, repo, branch string) (string, error)
	Branches(ctx context.Context, repo string) ([]Branch, error)
	DeleteBranch(ctx context.Context, repo, branch string) error
	// Commit writes files on a branch in one commit. With Base set, the branch
	// is created from it when absent; a branch whose head already carries
	// Key returns that commit and changes nothing.
	Commit(ctx context.Context, repo string, in NewCommit) (Commit, error)
	Commits(ctx context.Context, repo, ref string, limit int, from string) ([]Commit, string, error)
	CommitDetail(ctx context.Context, repo, sha string) (Commit, []FileDiff, error)
	Tree(ctx context.Context, repo, ref, path string) ([]TreeEntry, error)
	// File returns at most MaxFileSize bytes.
	File(ctx context.Context, repo, ref, path string) (File, error)
	// Diff compares the merge base of two refs with head.
	Diff(ctx context.Context, repo, base, head string) ([]FileDiff, error)
	// Archive returns all files of a ref; see MaxArchiveSize.
	Archive(ctx context.Context, repo, ref string) ([]File, error)

	// OpenPullRequest returns the open or merged pull request of the same head
	// branch when there is one.
	OpenPullRequest(ctx context.Context, repo string, in NewPullRequest) (PullRequest, error)
	PullRequest(ctx context.Context, repo string, number int) (PullRequest, error)
	PullRequests(ctx context.Context, q PullRequestQuery) ([]PullRequest, string, error)
	Comment(ctx context.Context, repo string, number int, by Person, body string) (Comment, error)
	Review(ctx context.Context, repo string, number int, by Person, verdict Verdict, body string) (PullRequest, error)
	// Merge merges when checks and required reviews allow it; Conflict with the
	// reasons otherwise. Merging a merged one returns it.
	Merge(ctx context.Context, repo string, number int, by Person, method MergeMethod) (PullRequest, error)
	ClosePullRequest(ctx context.Context, repo string, number int, by Person) (PullRequest, error)

	SetStatus(ctx context.Context, repo, sha string, s Status) error
	Statuses(ctx context.Context, repo, sha string) ([]Status, error)

	// SetRules replaces the review rules of a repository.
	SetRules(ctx context.Context, repo string, rules []ReviewRule) error
	SetWebhook(ctx context.Context, repo string, hook Webhook) error
	Webhooks(ctx context.Context, repo string) ([]Webhook, error)
	DeleteWebhook(ctx context.Context, repo, id string) error
}

// Limits of what one call returns.
const (
	MaxFileSize    = 1 << 20
	MaxArchiveSize = 64 << 20
	MaxFiles       = 10_000
)

// Person is who a commit, review or comment is by.
type Person struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Email string `json:"email"`
	// Roles and Teams decide which review rules the person satisfies.
	Roles []string `json:"-"`
	Teams []string `json:"-"`
}

// Repository is a repository. Names are "name" or "group/name".
type Repository struct {
	Name          string    `json:"name"`
	Description   string    `json:"description"`
	DefaultBranch string    `json:"defaultBranch"`
	CloneURL      string    `json:"cloneUrl"`
	Owner         string    `json:"owner"`
	Archived      bool      `json:"archived"`
	CreatedAt     time.Time `json:"createdAt"`
	UpdatedAt     time.Time `json:"updatedAt"`
	// OpenPullRequests is the number of open pull requests.
	OpenPullRequests int          `json:"openPullRequests"`
	Rules            []ReviewRule `json:"rules"`
}

// NewRepository asks for a repository.
type NewRepository struct {
	Name          string
	Description   string
	DefaultBranch string // "main" when empty
	Owner         string // team
	// Key identifies the request for repeats, e.g. the run's id.
	Key string
}

// RepositoryQuery selects repositories.
type RepositoryQuery struct {
	Text     string
	Archived bool
	// Owners selects those of these teams, "" those of none; all when nil.
	Owners []string
	Limit  int
	From   string
}

// Branch is a branch and its head.
type Branch struct {
	Name      string    `json:"name"`
	SHA       string    `json:"sha"`
	Subject   string    `json:"subject"`
	UpdatedAt time.Time `json:"updatedAt"`
	Protected bool      `json:"protected"`
}

// NewCommit asks for a commit.
type NewCommit struct {
	Branch string
	// Base is the ref the branch is created from when it does not exist; empty
	// means the branch must exist, or the repository is empty.
	Base string
	// ExpectHead, when set, makes the commit fail with Conflict if the branch
	// points elsewhere.
	ExpectHead string
	Message    string
	Author     Person
	Time       time.Time
	Files      []File
	Remove     []string
	// Key is written as the trailer "Sphera-Step: KEY" and looked for first.
	Key string
	// Bypass lets the portal itself write to a protected branch, for the first
	// commit of a new repository.
	Bypass bool
}

// File is one file of a commit.
type File struct {
	Path       string `json:"path"`
	Content    []byte `json:"content"`
	Executable bool   `json:"executable"`
	Binary     bool   `json:"binary"`
	Truncated  bool   `json:"truncated"`
	Size       int64  `json:"size"`
}

// Commit is a commit.
type Commit struct {
	SHA     string    `json:"sha"`
	Subject string    `json:"subject"`
	Message string    `json:"message"`
	Author  Person    `json:"author"`
	At      time.Time `json:"at"`
	Parents []string  `json:"parents"`
}

// TreeEntry is one entry of a folder.
type TreeEntry struct {
	Name string `json:"name"`
	Path string `json:"path"`
	// Kind is file, folder, link or submodule.
	Kind string `json:"kind"`
	Size int64  `json:"size"`
}

// FileDiff is the unified diff of one file.
type FileDiff struct {
	Path    string `json:"path"`
	OldPath string `json:"oldPath,omitempty"`
	// Verb is add, change, remove or rename.
	Verb    string `json:"verb"`
	Added   int    `json:"added"`
	Removed int    `json:"removed"`
	Binary  bool   `json:"binary"`
	// Patch has the hunks only ("@@ ..."); empty when Binary or Truncated.
	Patch     string `json:"patch"`
	Truncated bool   `json:"truncated"`
}

// PullRequestState is open, merged or closed.
type PullRequestState string

// The states of a pull request.
const (
	Open   PullRequestState = "open"
	Merged PullRequestState = "merged"
	Closed PullRequestState = "closed"
)

// NewPullRequest asks for a pull request.
type NewPullRequest struct {
	Title  string
	Body   string
	Head   string // branch
	Base   string // branch; the default branch when empty
	Author Person
	RunID  string
}

// PullRequest is a pull request.
type PullRequest struct {
	Repository string           `json:"repository"`
	Number     int              `json:"number"`
	Title      string           `json:"title"`
	Body       string           `json:"body"`
	State      PullRequestState `json:"state"`
	Head       string           `json:"head"`
	HeadSHA    string           `json:"headSha"`
	Base       string           `json:"base"`
	BaseSHA    string           `json:"baseSha"`
	MergeSHA   string           `json:"mergeSha,omitempty"`
	Author     Person           `json:"author"`
	RunID      string           `json:"runId,omitempty"`
	CreatedAt  time.Time        `json:"createdAt"`
	UpdatedAt  time.Time        `json:"updatedAt"`
	MergedAt   time.Time        `json:"mergedAt,omitzero"`
	MergedBy   *Person          `json:"mergedBy,omitempty"`
	// The rest is filled by PullRequest and the writes, not by lists.
	Mergeable Mergeability `json:"mergeable"`
	Reviews   []Review     `json:"reviews"`
	Comments  []Comment    `json:"comments"`
	Statuses  []Status     `json:"statuses"`
	Commits   []Commit     `json:"commits"`
}

// Mergeability says whether a pull request can be merged now and why not.
type Mergeability struct {
	OK bool `json:"ok"`
	// ByRule names the rule that approves it without a review; empty if none.
	ByRule string `json:"byRule,omitempty"`
	// Blocked lists, in sentences, what is missing.
	Blocked []string `json:"blocked"`
	// Reviewers are teams or roles that can give the missing reviews.
	Reviewers []string `json:"reviewers"`
}

// PullRequestQuery selects pull requests over all repositories or one.
type PullRequestQuery struct {
	Repository string
	State      PullRequestState
	RunID      string
	// WaitingFor selects those that need a review this person can give.
	WaitingFor *Person
	Limit      int
	From       string
}

// Verdict of a review.
type Verdict string

// The verdicts.
const (
	Approve        Verdict = "approve"
	RequestChanges Verdict = "request_changes"
)

// Review is a verdict on one head commit; a later push makes it stale.
type Review struct {
	By      Person    `json:"by"`
	Verdict Verdict   `json:"verdict"`
	Body    string    `json:"body"`
	SHA     string    `json:"sha"`
	Stale   bool      `json:"stale"`
	At      time.Time `json:"at"`
}

// Comment is a comment in markdown.
type Comment struct {
	ID   string    `json:"id"`
	By   Person    `json:"by"`
	Body string    `json:"body"`
	At   time.Time `json:"at"`
}

// MergeMethod is squash or merge.
type MergeMethod string

// The merge methods.
const (
	Squash      MergeMethod = "squash"
	MergeCommit MergeMethod = "merge"
)

// Status is a commit status, e.g. of a CI job.
type Status struct {
	Context string `json:"context"`
	// State is pending, success or failure.
	State       string    `json:"state"`
	Description string    `json:"description"`
	URL         string    `json:"url"`
	At          time.Time `json:"at"`
}

// ReviewRule asks for reviews of changes to some paths. The last rule whose
// Paths match a changed file decides for that file (as in CODEOWNERS).
type ReviewRule struct {
	Name string `json:"name"`
	// Paths are patterns with * (no slash) and ** (anything).
	Paths []string `json:"paths"`
	// Reviewers are team names or "role:NAME"; one of them must approve.
	Reviewers []string `json:"reviewers"`
	// Auto approves without a review when every changed file under the rule is
	// new or was last written by the same Author mark, and the author is the
	// portal acting for a run. The rule's name is shown in plans.
	Auto bool `json:"auto"`
	// Approvals is how many reviews are needed; 1 when 0 and not Auto.
	Approvals int `json:"approvals"`
}

// Webhook is told about pushes, pull requests and reviews; deliveries are
// signed with HMAC-SHA256 in X-Sphera-Signature-256.
type Webhook struct {
	ID     string   `json:"id"`
	URL    string   `json:"url"`
	Secret string   `json:"-"`
	Events []string `json:"events"`
}

// Event is something that happened in the built-in forge.
type Event struct {
	// Kind is push, pull_request, review, comment, status or repository.
	Kind        string       `json:"kind"`
	Repository  string       `json:"repository"`
	PullRequest *PullRequest `json:"pullRequest,omitempty"`
	Branch      string       `json:"branch,omitempty"`
	SHA         string       `json:"sha,omitempty"`
	By          Person       `json:"by"`
	At          time.Time    `json:"at"`
}
