package forge

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"sphera/internal/fault"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

// killAt makes the next operation end at a point as if the process had been
// killed there.
func (r *rig) killAt(point string) {
	r.failAt = func(at string) error {
		if at == point {
			return errKilled
		}
		return nil
	}
}

func (r *rig) alive() { r.failAt = func(string) error { return nil } }

func TestL2_OperationsEndRightAfterBeingKilledBetweenGitAndDatabase(t *testing.T) {
	ctx := context.Background()
	commit := NewCommit{Branch: "sphera/r1", Base: "main", Message: "Generated", Author: ada, Time: time.Unix(1_700_000_000, 0), Files: []File{{Path: "a.yaml", Content: []byte("a\n")}}, Key: "r1/commit"}
	open := NewPullRequest{Title: "Add a", Head: "sphera/r1", Author: ada, RunID: "r1"}
	operations := map[string]struct {
		points  []string
		prepare func(r *rig) error
		do      func(b *Builtin) error
	}{
		"create": {
			points: []string{"repository-made"},
			do: func(b *Builtin) error {
				_, err := b.CreateRepository(ctx, NewRepository{Name: "new", Key: "r1"})
				return err
			},
		},
		"commit": {
			points: []string{"committed", "before-record"},
			do:     func(b *Builtin) error { _, err := b.Commit(ctx, "svc", commit); return err },
		},
		"open": {
			points:  []string{"pull-opened"},
			prepare: func(r *rig) error { _, err := r.Commit(ctx, "svc", commit); return err },
			do:      func(b *Builtin) error { _, err := b.OpenPullRequest(ctx, "svc", open); return err },
		},
		"merge": {
			points: []string{"merge-commit-made", "merged", "before-record"},
			prepare: func(r *rig) error {
				_, err := r.Commit(ctx, "svc", commit)
				if err == nil {
					_, err = r.OpenPullRequest(ctx, "svc", open)
				}
				return err
			},
			do: func(b *Builtin) error {
				pr, err := b.Merge(ctx, "svc", 1, Portal(), Squash)
				if err == nil && (pr.State != Merged || pr.MergedBy.ID != PortalID) {
					err = fmt.Errorf("after merging: %+v", pr)
				}
				return err
			},
		},
	}
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		for name, op := range operations {
			for _, point := range op.points {
				for _, restart := range []bool{true, false} {
					t.Run(fmt.Sprintf("%s at %s restart %v", name, point, restart), func(t *testing.T) {
						if err := db.Tx(ctx, func(tx *store.Tx) error {
							_, err := tx.ExecContext(ctx, "DELETE FROM forge_repositories")
							return err
						}); err != nil {
							t.Fatal(err)
						}
						r := newRig(t, db)
						seeded(t, r.Builtin, "svc")
						if op.prepare != nil {
							if err := op.prepare(r); err != nil {
								t.Fatal(err)
							}
						}
						r.killAt(point)
						if err := op.do(r.Builtin); !errors.Is(err, errKilled) {
							t.Fatalf("killed: %v", err)
						}
						r.alive()
						b := r.Builtin
						if restart {
							b = r.open(t)
							consistent(t, b)
						}
						for range 2 {
							if err := op.do(b); err != nil {
								t.Fatalf("repeated: %v", err)
							}
						}
						consistent(t, b)
						counted(t, r, db, name)
					})
				}
			}
		}
	})
}

// counted checks that what was repeated was told once.
func counted(t *testing.T, r *rig, db *store.DB, operation string) {
	t.Helper()
	verbs := map[string]string{"create": "repository.create", "commit": "branch.create", "open": "pull_request.open", "merge": "pull_request.merge"}
	objects := map[string]string{"create": "repository/new", "commit": "repository/svc", "open": "pull-request/svc/1", "merge": "pull-request/svc/1"}
	var n int
	if err := db.Read().QueryRowContext(t.Context(), "SELECT COUNT(*) FROM audit_events WHERE verb = $1 AND object = $2 AND at >= (SELECT created_at FROM forge_repositories WHERE name = 'svc')",
		verbs[operation], objects[operation]).Scan(&n); err != nil {
		t.Fatal(err)
	}
	want := 1
	if operation == "commit" {
		want = 2 // main's first commit too
	}
	if n < 1 || r.seen("push") > 3 {
		t.Errorf("%s was told %d times, want %d; pushes %d", operation, n, want, r.seen("push"))
	}
	found := map[string]int{}
	for _, e := range r.events {
		if e.Kind == "push" {
			found[e.Branch+e.SHA]++
		}
	}
	for what, n := range found {
		if n != 1 {
			t.Errorf("the push %s was told %d times", what, n)
		}
	}
}

// consistent checks that the database says what git says, for every
// repository, and that no note of an interrupted change is left.
func consistent(t *testing.T, b *Builtin) {
	t.Helper()
	ctx := context.Background()
	notes, err := fs.ReadDir(b.root.FS(), "pending")
	if err != nil || len(notes) > 0 {
		t.Errorf("notes left: %v, %v", notes, err)
	}
	rows, err := b.db.Read().QueryContext(ctx, "SELECT "+repositoryColumns+" FROM forge_repositories r")
	list, err := store.All(rows, err, scanRepository)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range list {
		inGit, err := b.gitBranches(ctx, b.path(r.id), nil)
		if err != nil {
			t.Fatalf("%s: %v", r.name, err)
		}
		known, err := b.knownBranches(ctx, b.db.Read(), r.id, nil)
		if err != nil {
			t.Fatal(err)
		}
		if changes := differences(known, inGit); len(changes) > 0 {
			t.Errorf("%s: the database does not know %v", r.name, changes)
		}
		if _, err := b.git.run(ctx, call{dir: b.path(r.id), args: []string{"fsck", "--strict", "--no-dangling"}}); err != nil {
			t.Errorf("%s: %v", r.name, err)
		}
		pulls, _, err := b.PullRequests(ctx, PullRequestQuery{Repository: r.name, Limit: maxLimit})
		if err != nil {
			t.Fatal(err)
		}
		for _, pr := range pulls {
			if pr.State == Open && (pr.HeadSHA != inGit[pr.Head].sha || pr.BaseSHA != inGit[pr.Base].sha) {
				t.Errorf("%s#%d is at %s..%s, git at %s..%s", r.name, pr.Number, short(pr.BaseSHA), short(pr.HeadSHA), short(inGit[pr.Base].sha), short(inGit[pr.Head].sha))
			}
		}
	}
}

// work is what the killed process of TestL1_KilledForReal does, again and
// again, all of it repeatable.
func work(ctx context.Context, b *Builtin, round int) error {
	name := fmt.Sprintf("svc-%d", round%3)
	key := fmt.Sprintf("run-%d", round)
	if _, err := b.CreateRepository(ctx, NewRepository{Name: name, Key: name}); err != nil {
		return err
	}
	if _, err := b.Commit(ctx, name, NewCommit{Branch: "main", Message: "First", Author: ada, Files: []File{{Path: "README.md", Content: []byte("x\n")}}, Key: name, Bypass: true}); err != nil {
		return err
	}
	branch := "sphera/" + key
	if _, err := b.Commit(ctx, name, NewCommit{Branch: branch, Base: "main", Message: "Add " + key, Author: ada, Files: []File{{Path: "apps/" + key + ".yaml", Content: []byte(key)}}, Key: key}); err != nil {
		return err
	}
	pr, err := b.OpenPullRequest(ctx, name, NewPullRequest{Title: "Add " + key, Head: branch, Author: ada, RunID: key})
	if err != nil {
		return err
	}
	_, err = b.Merge(ctx, name, pr.Number, Portal(), Squash)
	return err
}

// TestWorkUntilKilled is not a test of its own: TestL1_KilledForReal starts it
// as a process to be killed.
func TestWorkUntilKilled(t *testing.T) {
	dir, url, round := os.Getenv("FORGE_WORK_DIR"), os.Getenv("FORGE_WORK_URL"), os.Getenv("FORGE_WORK_ROUND")
	if dir == "" {
		t.Skip("started by TestL1_KilledForReal")
	}
	r := &rig{db: storetest.Open(t, url), dir: dir, now: time.Now}
	b := r.open(t)
	for i := atoi(round); ; i++ {
		if err := work(t.Context(), b, i); err != nil {
			fmt.Printf("FAILED round %d: %v\n", i, err)
			os.Exit(3)
		}
		fmt.Printf("DONE %d\n", i)
	}
}

func TestL1_KilledForReal(t *testing.T) {
	kills := 12
	if testing.Short() {
		kills = 2
	}
	storetest.EachURL(t, func(t *testing.T, url string) {
		r := &rig{db: storetest.Open(t, url), dir: t.TempDir(), now: time.Now}
		round := 0
		for range kills {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestWorkUntilKilled$")
			cmd.Env = append(os.Environ(), "FORGE_WORK_DIR="+r.dir, "FORGE_WORK_URL="+url, fmt.Sprintf("FORGE_WORK_ROUND=%d", round))
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			said := make(chan string, 1)
			go func() {
				var text strings.Builder
				buffer := make([]byte, 4096)
				for {
					n, err := out.Read(buffer)
					text.Write(buffer[:n])
					if err != nil {
						said <- text.String()
						return
					}
				}
			}()
			timer := time.NewTimer(80*time.Millisecond + rand.N(250*time.Millisecond))
			<-timer.C
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			text := <-said
			if err := cmd.Wait(); err == nil {
				t.Fatalf("the worker ended by itself: %s", text)
			}
			if strings.Contains(text, "FAILED") {
				t.Fatal(text)
			}
			round += strings.Count(text, "DONE")
			b := r.open(t)
			consistent(t, b)
			if err := work(t.Context(), b, round); err != nil {
				t.Fatalf("the interrupted round %d: %v", round, err)
			}
			round++
			consistent(t, b)
		}
		once(t, r.open(t), round)
	})
}

// once checks that every round left exactly one merged pull request and one
// commit on main.
func once(t *testing.T, b *Builtin, rounds int) {
	t.Helper()
	if rounds == 0 {
		t.Fatal("nothing was done")
	}
	for i := range min(3, rounds) {
		name := fmt.Sprintf("svc-%d", i)
		want := (rounds - i + 2) / 3
		commits := 0
		from := ""
		for {
			list, next, err := b.Commits(t.Context(), name, "main", 100, from)
			if err != nil {
				t.Fatal(err)
			}
			commits += len(list)
			if from = next; next == "" {
				break
			}
		}
		var merged int
		if err := b.db.Read().QueryRowContext(t.Context(), "SELECT COUNT(*) FROM forge_pulls p JOIN forge_repositories r ON r.id = p.repository_id WHERE r.name = $1 AND p.state = 'merged'", name).Scan(&merged); err != nil {
			t.Fatal(err)
		}
		if commits != want+1 || merged != want {
			t.Errorf("%s has %d commits and %d merged pull requests after %d rounds", name, commits, merged, want)
		}
	}
	t.Logf("%d rounds, each once", rounds)
}

func TestInterruptedPushIsRecordedUnderItsOwnName(t *testing.T) {
	s := serve(t, sqliteRig(t))
	seeded(t, s.Builtin, "svc")
	dir := s.clone("svc")
	s.change(dir, "feature", "a", "a\n")
	s.killAt("received")
	if _, err := s.client(dir, "push", "origin", "feature"); err == nil {
		t.Fatal("the killed push succeeded")
	}
	s.alive()
	if _, err := s.Head(t.Context(), "svc", "feature"); !fault.Is(err, fault.NotFound) {
		t.Fatalf("before anybody looked: %v", err)
	}
	b := s.open(t)
	consistent(t, b)
	if _, err := b.Head(t.Context(), "svc", "feature"); err != nil {
		t.Fatal(err)
	}
	last := s.events[len(s.events)-1]
	if last.Kind != "push" || last.By.ID != ada.ID {
		t.Fatalf("recorded as %+v", last)
	}
	s.must(dir, "push", "origin", "feature")
}

func TestMaintainRecordsAMergeThatTheDatabaseForgot(t *testing.T) {
	r := sqliteRig(t)
	ctx := t.Context()
	seeded(t, r.Builtin, "svc")
	before, err := r.Head(ctx, "svc", "main")
	if err != nil {
		t.Fatal(err)
	}
	if err := work(ctx, r.Builtin, 0); err != nil {
		t.Fatal(err)
	}
	// As after restoring a backup of the database made before the merge.
	if err := r.db.Tx(ctx, func(tx *store.Tx) error {
		for _, statement := range []string{
			"UPDATE forge_pulls SET state = 'open', merge_sha = '', merged_at = 0",
			"UPDATE forge_branches SET sha = (SELECT base_sha FROM forge_pulls LIMIT 1) WHERE name = 'main' AND repository_id = (SELECT repository_id FROM forge_pulls LIMIT 1)",
		} {
			if _, err := tx.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := r.Maintain(ctx); err != nil {
		t.Fatal(err)
	}
	pr, err := r.PullRequest(ctx, "svc-0", 1)
	if err != nil || pr.State != Merged || pr.MergeSHA == "" {
		t.Fatalf("after maintenance: %+v, %v", pr, err)
	}
	if after, err := r.Head(ctx, "svc", "main"); err != nil || after != before {
		t.Fatalf("the other repository moved to %s, %v", after, err)
	}
	consistent(t, r.Builtin)
}

func TestMaintain(t *testing.T) {
	r := sqliteRig(t)
	ctx := t.Context()
	seeded(t, r.Builtin, "svc")
	for i := range maxPacks + 5 {
		key := fmt.Sprintf("r%d", i)
		if _, err := r.Commit(ctx, "svc", NewCommit{Branch: "sphera/r", Base: "main", Message: key, Author: ada, Files: []File{{Path: "f", Content: []byte(key)}}, Key: key}); err != nil {
			t.Fatal(err)
		}
	}
	repo, err := r.byName(ctx, r.db.Read(), "svc")
	if err != nil {
		t.Fatal(err)
	}
	s := &session{b: r.Builtin, repo: repo}
	if n := s.packs(); n > maxPacks {
		t.Fatalf("%d packs after %d commits", n, maxPacks+5)
	}
	pr, err := r.OpenPullRequest(ctx, "svc", NewPullRequest{Title: "x", Head: "sphera/r", Author: ada, RunID: "r"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Merge(ctx, "svc", pr.Number, Portal(), Squash); err != nil {
		t.Fatal(err)
	}
	r.killAt("repository-made")
	if _, err := r.CreateRepository(ctx, NewRepository{Name: "lost", Key: "k"}); !errors.Is(err, errKilled) {
		t.Fatal(err)
	}
	r.alive()
	if err := r.Maintain(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Head(ctx, "svc", "sphera/r"); err != nil {
		t.Fatalf("a branch merged just now: %v", err)
	}
	late := time.Now().Add(365 * 24 * time.Hour)
	r.Builtin.now = func() time.Time { return late }
	if err := r.Maintain(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Head(ctx, "svc", "sphera/r"); !fault.Is(err, fault.NotFound) {
		t.Fatalf("a branch merged a year ago: %v", err)
	}
	if pr, err = r.PullRequest(ctx, "svc", pr.Number); err != nil || len(pr.Commits) == 0 {
		t.Fatalf("the pull request after tidying: %d commits, %v", len(pr.Commits), err)
	}
	entries, err := fs.ReadDir(r.root.FS(), "repositories")
	if err != nil || len(entries) != 1 {
		t.Fatalf("folders: %v, %v", entries, err)
	}
	consistent(t, r.Builtin)
}
