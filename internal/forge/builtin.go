package forge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sphera/internal/audit"
	"sphera/internal/outgoing"
	"sphera/internal/store"
)

// The portal's own identity in commits and in the audit log.
const (
	PortalID    = "sphera"
	portalName  = "Sphera"
	portalEmail = "sphera@localhost"
)

// Portal is the portal itself, for changes that no person made.
func Portal() Person { return Person{ID: PortalID, Name: portalName, Email: portalEmail} }

// recoverPatience bounds how long the start waits for one repository.
const recoverPatience = 5 * time.Second

// BuiltinOptions configure NewBuiltin.
type BuiltinOptions struct {
	Now    func() time.Time
	Logger *slog.Logger
	// PublicURL is the address people reach the portal at, without a slash at
	// the end.
	PublicURL func() string
	// OnEvent is called in the transaction of each change.
	OnEvent func(ctx context.Context, tx *store.Tx, e Event) error
	// AllowPrivate lets webhooks reach private and loopback addresses, for the
	// demo and tests.
	AllowPrivate bool
}

// Builtin is the git host inside Sphera: bare repositories in a folder, all
// else in the database. Several processes may share both.
//
// Git and the database cannot change in one transaction. Therefore every change
// of refs holds the repository's lock and leaves a note beside it until the
// database has recorded the new refs; whoever takes the lock next and finds a
// note first records what the refs say. See docs/adr/0006-built-in-forge.md.
type Builtin struct {
	db       *store.DB
	log      *audit.Log
	logger   *slog.Logger
	now      func() time.Time
	publicOf func() string
	onEvent  func(ctx context.Context, tx *store.Tx, e Event) error
	dir      string
	root     *os.Root
	git      *git
	locks    *keyLocks
	compared *lru[comparisonKey, comparison]
	seal     *sealer
	outgoing *outgoing.Client
	uploads  chan struct{}
	// failAt is set by tests to end an operation at a named point, as if the
	// process had been killed there.
	failAt func(point string) error
}

var _ Forge = (*Builtin)(nil)

// NewBuiltin opens the forge in dir, which is created readable by its owner
// only, and finishes what a killed process left half recorded.
func NewBuiltin(db *store.DB, log *audit.Log, dir string, o BuiltinOptions) (*Builtin, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find the folder of the repositories: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the repositories: %w", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the folder of the repositories: %w", err)
	}
	b := &Builtin{
		db: db, log: log, logger: o.Logger, now: o.Now, publicOf: o.PublicURL, onEvent: o.OnEvent,
		dir: dir, root: root, locks: &keyLocks{locks: map[string]*keyLock{}},
		compared: newLRU[comparisonKey, comparison](256), outgoing: outgoing.New(o.AllowPrivate),
		uploads: make(chan struct{}, maxTransfers), failAt: func(string) error { return nil },
	}
	if err := b.open(context.Background()); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return b, nil
}

func (b *Builtin) open(ctx context.Context) error {
	for _, name := range []string{"repositories", "pending", "incoming", "home"} {
		if err := b.root.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("make the folder %s of the forge: %w", name, err)
		}
	}
	var err error
	if b.git, err = newGit(filepath.Join(b.dir, "home")); err != nil {
		return err
	}
	if b.seal, err = openSealer(b.root); err != nil {
		return err
	}
	return b.recover(ctx)
}

// Close releases the data folder.
func (b *Builtin) Close() error { return b.root.Close() }

// recover records what killed processes left unrecorded.
func (b *Builtin) recover(ctx context.Context) error {
	notes, err := fs.ReadDir(b.root.FS(), "pending")
	if err != nil {
		return fmt.Errorf("list interrupted changes: %w", err)
	}
	for _, note := range notes {
		id := strings.TrimSuffix(note.Name(), ".json")
		repo, err := b.byID(ctx, id)
		if err != nil {
			b.logger.WarnContext(ctx, "an interrupted change belongs to no repository", "id", id, "error", err)
			continue
		}
		// Another process may hold the lock for a long push; then it records.
		waiting, cancel := context.WithTimeout(ctx, recoverPatience)
		err = b.exclusive(waiting, repo, writer{by: Portal(), portal: true}, func(context.Context, *session) error { return nil })
		cancel()
		if err != nil {
			b.logger.ErrorContext(ctx, "an interrupted change could not be recorded; the next change of the repository tries again", "repository", repo.name, "error", err)
		}
	}
	return nil
}

type personKey struct{}

type personRun struct {
	person Person
	runID  string
}

// WithPerson returns a context whose changes are audited as made by p, for the
// run when runID is not empty. Without it they are the portal's.
func WithPerson(ctx context.Context, p Person, runID string) context.Context {
	return context.WithValue(ctx, personKey{}, personRun{p, runID})
}

func personOf(ctx context.Context) (Person, string) {
	if p, ok := ctx.Value(personKey{}).(personRun); ok {
		return p.person, p.runID
	}
	return Portal(), ""
}

// change is what is told about one change: to the audit log, to OnEvent and to
// those who watch.
type change struct {
	verb, object string
	by           Person
	runID        string
	detail       json.RawMessage
	event        Event
}

// announce tells about a change in its transaction.
func (b *Builtin) announce(ctx context.Context, tx *store.Tx, c change) error {
	if err := b.log.Append(ctx, tx, audit.Event{
		Actor: orPortal(c.by).ID, ActorName: orPortal(c.by).Name, Verb: c.verb, Object: c.object, RunID: c.runID, Detail: c.detail,
	}); err != nil {
		return err
	}
	tx.Notify("repository", c.event.Repository)
	if pr := c.event.PullRequest; pr != nil {
		tx.Notify("pull_request", fmt.Sprintf("%s/%d", pr.Repository, pr.Number))
	}
	if b.onEvent == nil || c.event.Kind == "" {
		return nil
	}
	c.event.By, c.event.At = orPortal(c.by), b.now()
	if err := b.onEvent(ctx, tx, c.event); err != nil {
		return fmt.Errorf("tell about %s: %w", c.verb, err)
	}
	return nil
}

func orPortal(p Person) Person {
	if p.ID == "" {
		return Portal()
	}
	return p
}
