// Package importer reads what other programs keep about an organisation
// (Port's JSON, Backstage's catalog-info.yaml, CSV), turns it into blueprints
// and entities, and puts those into the catalog as one: all or nothing, with a
// report that names file, line and column.
package importer

import (
	"encoding/json"

	"sphera/internal/catalog"
)

// Thing is one blueprint, scorecard or entity that a file holds.
type Thing struct {
	File string
	// Blueprint is the document of a blueprint; nil for an entity.
	Blueprint map[string]any
	// Scorecard is the document of a scorecard with the blueprint it is for.
	Scorecard map[string]any
	// Entity is set when both are nil; its Blueprint names the kind.
	Entity catalog.NewEntity
	// place finds line and column of a JSON pointer into the thing; one that
	// the file does not have leads to the next that contains it.
	place func(pointer string) (line, column int)
}

// At is where a JSON pointer into the thing is in its file, counted from one.
func (t Thing) At(pointer string) (line, column int) {
	if t.place == nil {
		return 1, 1
	}
	return t.place(pointer)
}

// Reading is what was read: the things, what was mended on the way and what
// could not be.
type Reading struct {
	Things   []Thing
	Repairs  []catalog.Finding
	Refusals []catalog.Finding
	// Broken are the refs of entities that were refused: what points at one of
	// them is not to be blamed for that.
	Broken []string
}

func (r *Reading) refuse(file string, line, column int, path, problem, advice string) {
	r.Refusals = append(r.Refusals, catalog.Finding{File: file, Line: line, Column: column, Path: path, Problem: problem, Done: advice})
}

func (r *Reading) repair(file string, line, column int, path, problem, done string) {
	r.Repairs = append(r.Repairs, catalog.Finding{File: file, Line: line, Column: column, Path: path, Problem: problem, Done: done})
}

// names as JSON, the form in which an entity's owners are sent.
func names(list ...string) json.RawMessage {
	raw, err := json.Marshal(list)
	if err != nil {
		return nil // cannot happen: strings always encode
	}
	return raw
}
