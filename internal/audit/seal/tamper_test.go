package seal

import (
	"fmt"
	"slices"
	"testing"

	"sphera/internal/audit"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

const logLength = 10_000

// TestS57_TamperAtEachPosition changes, deletes, inserts, swaps and cuts off at
// every position of a log of 10,000 entries. The entries are read from the
// database once; each change is verified in the part that Verify would read.
func TestS57_TamperAtEachPosition(t *testing.T) {
	db := storetest.Open(t, storetest.SQLite(t))
	c := newClock()
	s := newSealer(t, db, c, "a")
	fill(t, db, audit.New(c.now), logLength)
	sealAll(t, s)
	var w worker
	if err := w.read(t.Context(), db, 0, logLength); err != nil {
		t.Fatal(err)
	}
	h, err := readHead(t.Context(), db.Read())
	if err != nil {
		t.Fatal(err)
	}
	const window = 50
	var buf []byte
	// found verifies the window around position after change has been made to
	// a copy of its rows, and returns the first problem.
	found := func(position int64, change func(rows []row, i int) []row) Problem {
		from := (position - 1) / window * window
		to := min(from+window, logLength)
		rows := slices.Clone(w.rows[from:to])
		rows = change(rows, int(position-1-from))
		previous := first(h.logID)
		if from > 0 {
			previous = w.rows[from-1].Hash
		}
		var problems []Problem
		problems, buf = checkLinks(previous, from, rows, buf)
		end := from
		if len(rows) > 0 {
			end = rows[len(rows)-1].Position
		}
		if end < to {
			problems = append(problems, gone(end+1, to))
		}
		if len(problems) == 0 {
			return Problem{}
		}
		return problems[0]
	}
	edits := []func(e *audit.Event){
		func(e *audit.Event) { e.Actor = "somebody" },
		func(e *audit.Event) { e.ActorName += "x" },
		func(e *audit.Event) { e.Verb = "entity.delete" },
		func(e *audit.Event) { e.Object, e.Outcome = e.Object+e.Outcome, "" }, // the same bytes elsewhere
		func(e *audit.Event) { e.At = e.At.Add(1e6) },
		func(e *audit.Event) { e.RunID = "r" },
		func(e *audit.Event) { e.RequestID = "" },
		func(e *audit.Event) { e.Via, e.Address = "", "" },
		func(e *audit.Event) { e.OnBehalfOf = "x" },
		func(e *audit.Event) { e.Rule = "x" },
		func(e *audit.Event) { e.Entity = "" },
		func(e *audit.Event) { e.Detail = []byte(`{}`) },
		func(e *audit.Event) { e.Seq++ },
	}
	for position := int64(1); position <= logLength; position++ {
		cases := map[string]func(rows []row, i int) []row{
			Changed: func(rows []row, i int) []row {
				edits[int(position)%len(edits)](&rows[i].Event)
				return rows
			},
			"link": func(rows []row, i int) []row {
				rows[i].Hash[int(position)%32] ^= 1
				return rows
			},
			Deleted: func(rows []row, i int) []row {
				rows[i].missing = true
				return rows
			},
			"both deleted": func(rows []row, i int) []row { return slices.Delete(rows, i, i+1) },
			Inserted: func(rows []row, i int) []row { // with a link, pushing the others on
				extra := rows[i]
				rows = slices.Insert(rows, i, extra)
				for j := i + 1; j < len(rows); j++ {
					rows[j].Position++
				}
				rows[i].Event.Object = "Component/forged"
				rows[i].Hash, _ = link(w.previous(h, position), &rows[i].Event, nil)
				return rows
			},
			"swapped": func(rows []row, i int) []row {
				j := i + 1
				if j == len(rows) {
					j = i - 1
				}
				rows[i].Event, rows[j].Event = rows[j].Event, rows[i].Event
				return rows
			},
			Truncated: func(rows []row, i int) []row { return rows[:i] },
		}
		for name, change := range cases {
			at := position
			if name == "swapped" && (position%window == 0 || position == logLength) {
				at = position - 1 // the pair begins before
			}
			if name == Inserted {
				at = position + 1 // the forged one has a link; what follows does not fit it
				if position%window == 0 {
					continue // seen by the next part, which begins with the stored hash: a position too many
				}
			}
			if p := found(position, change); p.Position != at {
				t.Fatalf("%s at %d: found %+v", name, position, p)
			}
		}
	}
}

func (w *worker) previous(h head, position int64) Hash {
	if position == 1 {
		return first(h.logID)
	}
	return w.rows[position-2].Hash
}

// TestS57_TamperInTheDatabase does it with statements, on both engines, and
// lets Verify find it.
func TestS57_TamperInTheDatabase(t *testing.T) {
	const n = 300
	type tamper struct {
		name, kind string
		at         func(p int64) int64
		do         func(t *testing.T, db *store.DB, p int64)
	}
	same := func(p int64) int64 { return p }
	tampers := []tamper{
		{"edit", Changed, same, func(t *testing.T, db *store.DB, p int64) {
			exec(t, db, "UPDATE audit_events SET actor = 'nobody' WHERE seq = $1", p)
		}},
		{"edit of what filters use", Changed, same, func(t *testing.T, db *store.DB, p int64) {
			exec(t, db, "UPDATE audit_events SET family = 'x' WHERE seq = $1", p)
		}},
		{"edit of the detail", Changed, same, func(t *testing.T, db *store.DB, p int64) {
			exec(t, db, `UPDATE audit_events SET detail = '{"changes":{}}' WHERE seq = $1`, p)
		}},
		{"delete", Deleted, same, func(t *testing.T, db *store.DB, p int64) {
			exec(t, db, "DELETE FROM audit_events WHERE seq = $1", p)
		}},
		{"delete with the link", Deleted, same, func(t *testing.T, db *store.DB, p int64) {
			exec(t, db, "DELETE FROM audit_events WHERE seq = $1", p)
			exec(t, db, "DELETE FROM audit_chain WHERE position = $1", p)
		}},
		{"the link alone", Inserted, func(p int64) int64 { return p - 1 }, func(t *testing.T, db *store.DB, p int64) {
			exec(t, db, "DELETE FROM audit_chain WHERE position = $1", p)
		}},
		{"insert", Inserted, func(p int64) int64 { return p - 1 }, func(t *testing.T, db *store.DB, p int64) {
			exec(t, db, "UPDATE audit_events SET seq = 100000 + seq WHERE seq = $1", p) // makes room
			exec(t, db, "UPDATE audit_chain SET seq = 100000 + seq WHERE seq = $1", p)
			exec(t, db, `INSERT INTO audit_events (seq, at, actor, actor_name, family, verb, object, outcome, run_id, request_id, detail)
				SELECT $1, at, 'forged', actor_name, family, verb, object, outcome, run_id, request_id, detail FROM audit_events WHERE seq = 150`, p)
		}},
		{"swap", Changed, same, func(t *testing.T, db *store.DB, p int64) {
			exec(t, db, "UPDATE audit_chain SET seq = 100000 WHERE position = $1", p)
			exec(t, db, "UPDATE audit_chain SET seq = $1 WHERE position = $2", p, p+1)
			exec(t, db, "UPDATE audit_chain SET seq = $1 WHERE position = $2", p+1, p)
		}},
		{"truncate", Truncated, same, func(t *testing.T, db *store.DB, p int64) {
			exec(t, db, "DELETE FROM audit_events WHERE seq >= $1", p)
			exec(t, db, "DELETE FROM audit_chain WHERE position >= $1", p)
			exec(t, db, "DELETE FROM audit_checkpoints")
			exec(t, db, "UPDATE audit_chain_head SET position = $1, seq = $1, low = $1, hash = (SELECT hash FROM audit_chain WHERE position = $1)", p-1)
		}},
		{"written anew", Forked, func(int64) int64 { return n }, func(t *testing.T, db *store.DB, p int64) {
			exec(t, db, "UPDATE audit_events SET actor = 'nobody' WHERE seq = $1", p)
			exec(t, db, "DELETE FROM audit_chain WHERE position >= $1", p)
			exec(t, db, "DELETE FROM audit_checkpoints")
			exec(t, db, "UPDATE audit_chain_head SET position = $1, seq = $1, low = $1, hash = (SELECT hash FROM audit_chain WHERE position = $1)", p-1)
			sealAll(t, newSealer(t, db, newClock(), "forger"))
		}},
	}
	for _, tamper := range tampers {
		t.Run(tamper.name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, db *store.DB) {
				c := newClock()
				s := newSealer(t, db, c, "a")
				fill(t, db, audit.New(c.now), n)
				sealAll(t, s)
				if made, err := s.Checkpoint(t.Context()); err != nil || !made {
					t.Fatal(made, err)
				}
				kept, err := lastCheckpoint(t.Context(), db.Read())
				if err != nil {
					t.Fatal(err)
				}
				o := Options{Checkpoints: []Checkpoint{kept}, Keys: []string{s.key.Public()}, part: 64}
				if r := verified(t, db, o); !r.OK() {
					t.Fatalf("before: %+v", r)
				}
				unlock(t, db)
				const at = 128 // the last of a part
				tamper.do(t, db, at)
				r := verified(t, db, o)
				if r.OK() {
					t.Fatal("not found")
				}
				if !slices.ContainsFunc(r.Problems, func(p Problem) bool { return p.Kind == tamper.kind && p.Position == tamper.at(at) }) {
					t.Fatalf("found %+v", r.Problems)
				}
				for _, p := range r.Problems {
					if p.Position < tamper.at(at) {
						t.Errorf("found before the place: %+v", p)
					}
				}
			})
		})
	}
}

// BenchmarkVerify verifies a log of a million entries.
func BenchmarkVerify(b *testing.B) {
	n := 1_000_000
	if testing.Short() {
		n = 20_000
	}
	for name, url := range map[string]func(testing.TB) string{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
			db := storetest.Open(b, url(b))
			c := newClock()
			fill(b, db, audit.New(c.now), n)
			sealAll(b, newSealer(b, db, c, "a"))
			for b.Loop() {
				if r := verified(b, db, Options{}); !r.OK() || r.Entries != int64(n) {
					b.Fatalf("%+v", r)
				}
			}
		})
	}
}
