package builtin

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"sphera/action"
	"sphera/internal/fault"
	"sphera/internal/forge"
)

// reviewPatience is how often a run that waits for a review looks again
// without being told, in case the forge's event was lost.
const reviewPatience = 10 * time.Minute

type repositoryArgs struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Owner       string `json:"owner"`
}

type repositoryResult struct {
	Name     string `json:"name"`
	CloneURL string `json:"cloneUrl"`
}

// createRepositoryStep makes an empty repository; found again by its name and
// the key of the run that made it.
func createRepositoryStep(d Deps) action.StepKind[repositoryArgs, repositoryResult] {
	return action.NewStepType("forge.create-repository", action.ByName,
		func(ctx context.Context, x *action.Exec, in repositoryArgs) (repositoryResult, error) {
			repo, err := d.Forge.CreateRepository(ctx, forge.NewRepository{Name: in.Name, Description: in.Description, Owner: in.Owner, Key: x.RunID})
			if err != nil {
				return repositoryResult{}, permanentIfFault(fmt.Errorf("create repository %s: %w", in.Name, err))
			}
			x.Logf("repository %s is at %s", repo.Name, repo.CloneURL)
			x.Changed(action.Change{Kind: "repository", Verb: "created", Title: repo.Name, URL: "/forge/" + repo.Name})
			return repositoryResult{Name: repo.Name, CloneURL: repo.CloneURL}, nil
		}).
		WithUndo(func(ctx context.Context, x *action.Exec, in repositoryArgs, _ repositoryResult) error {
			err := d.Forge.ArchiveRepository(ctx, in.Name, x.RunID)
			if fault.Is(err, fault.NotFound) {
				x.Logf("repository %s is already gone", in.Name)
				return nil
			}
			if err != nil {
				return fmt.Errorf("archive repository %s: %w", in.Name, err)
			}
			x.Logf("archived repository %s", in.Name)
			x.Changed(action.Change{Kind: "repository", Verb: "archived", Title: in.Name})
			return nil
		})
}

// file is a file as kept in a step's arguments.
type file struct {
	Path       string `json:"path"`
	Content    []byte `json:"content"`
	Executable bool   `json:"executable,omitempty"`
}

func keep(files []forge.File) []file {
	out := make([]file, 0, len(files))
	for _, f := range files {
		out = append(out, file{Path: f.Path, Content: f.Content, Executable: f.Executable})
	}
	return out
}

func restore(files []file) []forge.File {
	out := make([]forge.File, 0, len(files))
	for _, f := range files {
		out = append(out, forge.File{Path: f.Path, Content: f.Content, Executable: f.Executable, Size: int64(len(f.Content))})
	}
	return out
}

type pushArgs struct {
	Repository string `json:"repository"`
	Message    string `json:"message"`
	Files      []file `json:"files"`
}

type pushResult struct {
	SHA string `json:"sha"`
}

// pushFilesStep makes the first commit of a new repository. There is no undo:
// the repository is archived as a whole.
func pushFilesStep(d Deps) action.StepKind[pushArgs, pushResult] {
	return action.NewStepType("forge.push-files", action.ByKey,
		func(ctx context.Context, x *action.Exec, in pushArgs) (pushResult, error) {
			commit, err := d.Forge.Commit(ctx, in.Repository, forge.NewCommit{
				Branch: "main", Message: in.Message, Author: person(x.Actor), Time: x.RunStarted,
				Files: restore(in.Files), Key: x.Key, Bypass: true,
			})
			if err != nil {
				return pushResult{}, permanentIfFault(fmt.Errorf("push %d files to %s: %w", len(in.Files), in.Repository, err))
			}
			x.Logf("pushed %d files to %s as %s", len(in.Files), in.Repository, short(commit.SHA))
			x.Changed(action.Change{Kind: "commit", Verb: "created", Title: in.Repository + "@" + short(commit.SHA), URL: "/forge/" + in.Repository + "/commits/" + commit.SHA})
			return pushResult{SHA: commit.SHA}, nil
		})
}

type proposeArgs struct {
	Repository string `json:"repository"`
	Branch     string `json:"branch"`
	Title      string `json:"title"`
	Body       string `json:"body"`
	Files      []file `json:"files"`
}

type proposeResult struct {
	Number int `json:"number"`
}

// proposeStep commits files on a branch and opens a pull request; found again
// by the branch, whose name holds the run's id.
func proposeStep(d Deps) action.StepKind[proposeArgs, proposeResult] {
	return action.NewStepType("forge.propose", action.ByName,
		func(ctx context.Context, x *action.Exec, in proposeArgs) (proposeResult, error) {
			branch := branchName(x.RunID, in.Branch)
			pr, err := propose(ctx, d.Forge, x, in.Repository, branch, in.Title, in.Body, forge.NewCommit{
				Branch: branch, Base: "main", Message: in.Title, Author: person(x.Actor), Time: x.RunStarted,
				Files: restore(in.Files), Key: x.Key,
			})
			if err != nil {
				return proposeResult{}, err
			}
			return proposeResult{Number: pr.Number}, nil
		}).
		WithUndo(func(ctx context.Context, x *action.Exec, in proposeArgs, _ proposeResult) error {
			return undoPropose(ctx, d, x, in)
		}).
		WithBoundaries("committed")
}

func propose(ctx context.Context, f forge.Forge, x *action.Exec, repo, branch, title, body string, commit forge.NewCommit) (forge.PullRequest, error) {
	if _, err := f.Commit(ctx, repo, commit); err != nil {
		return forge.PullRequest{}, permanentIfFault(fmt.Errorf("commit to %s: %w", repo, err))
	}
	x.Boundary("committed")
	pr, err := f.OpenPullRequest(ctx, repo, forge.NewPullRequest{Title: title, Body: body, Head: branch, Base: "main", Author: person(x.Actor), RunID: x.RunID})
	if err != nil {
		return forge.PullRequest{}, permanentIfFault(fmt.Errorf("open a pull request in %s: %w", repo, err))
	}
	x.Logf("pull request %s#%d: %s", repo, pr.Number, title)
	x.Changed(pullRequestChange(pr, "opened"))
	return pr, nil
}

func pullRequestChange(pr forge.PullRequest, verb string) action.Change {
	return action.Change{
		Kind: "pull_request", Verb: verb, Title: pr.Repository + "#" + strconv.Itoa(pr.Number) + " " + pr.Title,
		URL: "/forge/" + pr.Repository + "/pulls/" + strconv.Itoa(pr.Number),
	}
}

// branchName is deterministic, so that a repeated step finds its own branch.
func branchName(runID, name string) string { return "sphera/" + runID + "-" + name }

// undoPropose closes a pull request that is open and reverts one that was
// merged, by a pull request of its own that follows the same rules.
func undoPropose(ctx context.Context, d Deps, x *action.Exec, in proposeArgs) error {
	f := d.Forge
	pr, found, err := findPullRequest(ctx, f, in.Repository, x.RunID, branchName(x.RunID, in.Branch))
	if err != nil {
		return err
	}
	if found && pr.State == forge.Merged {
		return revertMerged(ctx, d, x, in, pr)
	}
	if found && pr.State == forge.Open {
		closed, err := f.ClosePullRequest(ctx, in.Repository, pr.Number, portal())
		if err != nil {
			return fmt.Errorf("close %s#%d: %w", in.Repository, pr.Number, err)
		}
		x.Changed(pullRequestChange(closed, "closed"))
	}
	if found && pr.State == forge.Closed && x.Attempt > 1 { // as in revertMerged
		x.Changed(pullRequestChange(pr, "closed"))
	}
	return ignoreMissing(f.DeleteBranch(ctx, in.Repository, branchName(x.RunID, in.Branch)))
}

func findPullRequest(ctx context.Context, f forge.Forge, repo, runID, head string) (forge.PullRequest, bool, error) {
	list, _, err := f.PullRequests(ctx, forge.PullRequestQuery{Repository: repo, RunID: runID, Limit: 100})
	if err != nil {
		return forge.PullRequest{}, false, fmt.Errorf("look for the pull request in %s: %w", repo, err)
	}
	for _, pr := range list {
		if pr.Head == head {
			return pr, true, nil
		}
	}
	return forge.PullRequest{}, false, nil
}

func revertMerged(ctx context.Context, d Deps, x *action.Exec, in proposeArgs, merged forge.PullRequest) error {
	f := d.Forge
	branch := branchName(x.RunID, "undo-"+in.Branch)
	back, found, err := findPullRequest(ctx, f, in.Repository, x.RunID, branch)
	if err != nil {
		return err
	}
	if !found {
		commit := forge.NewCommit{
			Branch: branch, Base: "main", Message: "Revert: " + in.Title, Author: person(x.Actor), Time: x.RunStarted, Key: x.Key + "/undo",
		}
		for _, changed := range in.Files {
			before, err := f.File(ctx, in.Repository, merged.BaseSHA, changed.Path)
			switch {
			case fault.Is(err, fault.NotFound):
				if _, err := f.File(ctx, in.Repository, "main", changed.Path); err == nil {
					commit.Remove = append(commit.Remove, changed.Path)
				}
			case err != nil:
				return fmt.Errorf("read %s as it was: %w", changed.Path, err)
			case !bytes.Equal(before.Content, changed.Content):
				commit.Files = append(commit.Files, before)
			}
		}
		if len(commit.Remove)+len(commit.Files) == 0 {
			x.Logf("%s has nothing left of %s#%d", in.Repository, merged.Repository, merged.Number)
			return nil
		}
		body := fmt.Sprintf("Reverts #%d because run %s is undone.", merged.Number, x.RunID)
		if back, err = propose(ctx, f, x, in.Repository, branch, commit.Message, body, commit); err != nil {
			return err
		}
	} else { // by an attempt that was cut off before it was recorded
		x.Changed(pullRequestChange(back, "opened"))
	}
	return mergeOrWait(ctx, d, x, in.Repository, back.Number)
}

type mergeArgs struct {
	Repository string `json:"repository"`
	// ProposeStep is the step whose result has the number.
	ProposeStep string `json:"proposeStep"`
}

type mergeResult struct {
	SHA string `json:"sha"`
}

// mergeStep merges when the repository's rules allow it and otherwise waits
// for the review. Its undo is the one of the propose step.
func mergeStep(d Deps) action.StepKind[mergeArgs, mergeResult] {
	return action.NewStepType("forge.merge", action.ByName,
		func(ctx context.Context, x *action.Exec, in mergeArgs) (mergeResult, error) {
			proposed, err := action.Result[proposeResult](x, in.ProposeStep)
			if err != nil {
				return mergeResult{}, err
			}
			if err := mergeOrWait(ctx, d, x, in.Repository, proposed.Number); err != nil {
				return mergeResult{}, err
			}
			pr, err := d.Forge.PullRequest(ctx, in.Repository, proposed.Number)
			if err != nil {
				return mergeResult{}, fmt.Errorf("read the merged pull request: %w", err)
			}
			return mergeResult{SHA: pr.MergeSHA}, nil
		})
}

func mergeOrWait(ctx context.Context, d Deps, x *action.Exec, repo string, number int) error {
	f := d.Forge
	pr, err := f.PullRequest(ctx, repo, number)
	if err != nil {
		return fmt.Errorf("read %s#%d: %w", repo, number, err)
	}
	switch {
	case pr.State == forge.Merged:
		x.Logf("%s#%d is merged", repo, number)
		x.Changed(pullRequestChange(pr, "merged"))
		return nil
	case pr.State == forge.Closed:
		return action.Permanent(fmt.Errorf("the pull request %s#%d was closed without merging: reopen the request by retrying after a new review, or undo the run", repo, number))
	case pr.Mergeable.OK:
		merged, err := f.Merge(ctx, repo, number, portal(), forge.Squash)
		if err != nil {
			return fmt.Errorf("merge %s#%d: %w", repo, number, err)
		}
		if pr.Mergeable.ByRule != "" {
			x.Logf("%s#%d merged by rule %q", repo, number, pr.Mergeable.ByRule)
		} else {
			x.Logf("%s#%d merged", repo, number)
		}
		x.Changed(pullRequestChange(merged, "merged"))
		return nil
	default:
		x.Logf("%s#%d waits: %v", repo, number, pr.Mergeable.Blocked)
		return waitForReview(pr, d.Now())
	}
}

func waitForReview(pr forge.PullRequest, now time.Time) error {
	reason := fmt.Sprintf("Pull request %s#%d needs a review", pr.Repository, pr.Number)
	if len(pr.Mergeable.Reviewers) > 0 {
		reason += " by " + joinOr(pr.Mergeable.Reviewers)
	}
	return &action.Wait{
		Kind: action.WaitExternal, Key: fmt.Sprintf("pull-request:%s/%d", pr.Repository, pr.Number),
		Until: now.Add(reviewPatience), Reason: reason,
		URL: "/forge/" + pr.Repository + "/pulls/" + strconv.Itoa(pr.Number),
	}
}

func joinOr(names []string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " or " + names[last]
}

// permanentIfFault stops retries of errors that say what is wrong with the
// request; a storage or network hiccup is worth another try.
func permanentIfFault(err error) error {
	f, ok := fault.As(err)
	if !ok || f.Code == fault.Unavailable || f.Code == fault.StorageFull {
		return err
	}
	return action.Permanent(err)
}

func ignoreMissing(err error) error {
	if err == nil || fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

var errUnbuildable = errors.New("the repository has neither go.mod nor package.json in its root, so the process runtime does not know how to build it")
