package flag

import (
	"context"

	"sphera/internal/flag/eval"
)

// Snapshot is the flags of one project in one environment, compiled. It does
// not change; a change makes a new one.
type Snapshot struct {
	Project, Environment string
	// Version grows with each change of the set, over restarts too.
	Version int64
	// ETag names the content: the same definition has the same tag in every
	// replica.
	ETag string
	// Bucketing is the generation that Set was compiled with: copies on disk and
	// in relays are compiled again.
	Bucketing int
	// Definition is flagd's JSON.
	Definition []byte
	Set        *eval.Set
	// Clients are the flags that public client keys may see.
	Clients map[string]bool
}

// Current returns the newest snapshot of a set; false when the project or the
// environment is not known. It takes no lock and asks no database.
func (f *Flags) Current(project, environment string) (*Snapshot, bool) { return nil, false }

// Snapshots returns the newest snapshot of every set.
func (f *Flags) Snapshots() []*Snapshot { return nil }

// Watch returns a channel that receives every new snapshot, and a function
// that ends the subscription. A slow reader loses older ones of the same set,
// never the newest: call Current when one comes.
func (f *Flags) Watch() (<-chan *Snapshot, func()) { return make(chan *Snapshot), func() {} }

// Load fills the snapshots from the database.
func (f *Flags) Load(ctx context.Context) error { return soon() }

// Work keeps the snapshots up to date and lets schedules appear in the history
// until ctx ends.
func (f *Flags) Work(ctx context.Context) error {
	<-ctx.Done()
	return nil
}
