package catalog

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// The limits of one import.
const (
	maxFiles      = 20_000
	maxFileBytes  = 4 << 20
	maxTotalBytes = 64 << 20
	maxFileName   = 1500
	maxFindings   = 1000
)

// Import reads blueprints and entities from files in Port's JSON. It adds and
// changes what the files say and removes nothing: keys that a file does not
// have stay as they are, null clears. What is unambiguous is repaired and
// reported; anything else that is wrong is refused with its place, and with one
// refusal nothing is imported. The order of the files does not matter.
func (c *Catalog) Import(ctx context.Context, files []ImportFile, o ImportOptions) (Report, error) {
	if err := checkFiles(files); err != nil {
		return Report{}, err
	}
	var report Report
	err := c.write(ctx, func(tx *store.Tx) error {
		in := newImporter(c, tx, o)
		if err := in.run(ctx, files); err != nil {
			return err
		}
		report = in.finish()
		if !report.Applied {
			return errRollback
		}
		return in.announce(ctx, report)
	})
	if err != nil && !errors.Is(err, errRollback) {
		return Report{}, fmt.Errorf("import: %w", err)
	}
	return report, nil
}

func checkFiles(files []ImportFile) error {
	if len(files) == 0 {
		return fault.Field("files", "are missing", "at least one file")
	}
	if len(files) > maxFiles {
		return fault.New(fault.TooLarge, "There are %d files; at most %d are imported at a time.", len(files), maxFiles)
	}
	total := 0
	names := map[string]bool{}
	for i, f := range files {
		if f.Name == "" || len(f.Name) > maxFileName || strings.ContainsFunc(f.Name, unicode.IsControl) {
			return fault.Field(fmt.Sprintf("files/%d/name", i), "is empty, too long or has control characters", "the path of the file")
		}
		if names[f.Name] {
			return fault.Field(fmt.Sprintf("files/%d/name", i), fmt.Sprintf("%q is there twice", f.Name), "each file once")
		}
		names[f.Name] = true
		if len(f.Content) > maxFileBytes {
			return fault.New(fault.TooLarge, "%s has %d bytes; at most %d are read per file.", f.Name, len(f.Content), maxFileBytes)
		}
		total += len(f.Content)
	}
	if total > maxTotalBytes {
		return fault.New(fault.TooLarge, "The files have %d bytes; at most %d are imported at a time.", total, maxTotalBytes)
	}
	return nil
}

// importer is one import in its transaction.
type importer struct {
	c  *Catalog
	tx *store.Tx
	o  ImportOptions

	blueprints []*blueprintItem
	entities   []*entityItem
	// known are the blueprints as they are after the import.
	known map[string]*schema
	// names are all blueprints there are then, also refused ones.
	names    map[string]bool
	repairs  []Finding
	refusals []Finding
	// batch holds what was written.
	batch *batch
}

// blueprintItem is one blueprint of an import.
type blueprintItem struct {
	file       string
	root       *node
	identifier string
	merged     Blueprint
	verb       string
}

// entityItem is one entity of an import.
type entityItem struct {
	file      string
	root      *node
	blueprint string
	sent      NewEntity
	old       *stored
	row       *stored
	verb      string
}

func newImporter(c *Catalog, tx *store.Tx, o ImportOptions) *importer {
	return &importer{c: c, tx: tx, o: o, known: map[string]*schema{}, names: map[string]bool{}}
}

func (in *importer) run(ctx context.Context, files []ImportFile) error {
	for _, f := range files {
		in.read(f)
	}
	if err := in.planBlueprints(ctx); err != nil {
		return err
	}
	if err := in.planEntities(ctx); err != nil {
		return err
	}
	if len(in.refusals) > 0 {
		return nil
	}
	// A dry run writes too, and is rolled back: what it reports is what happens.
	if err := in.applyBlueprints(ctx); err != nil || len(in.refusals) > 0 {
		return err
	}
	return in.applyEntities(ctx)
}

func (in *importer) refuse(file string, root *node, pointer, problem, advice string) {
	line, column := root.at(pointer)
	in.refusals = append(in.refusals, Finding{File: file, Line: line, Column: column, Path: pointer, Problem: problem, Done: advice})
}

func (in *importer) repair(file string, root *node, pointer, problem, done string) {
	line, column := root.at(pointer)
	in.repairs = append(in.repairs, Finding{File: file, Line: line, Column: column, Path: pointer, Problem: problem, Done: done})
}

// read parses one file and sorts what is in it into blueprints and entities.
func (in *importer) read(f ImportFile) {
	if !strings.HasSuffix(strings.ToLower(f.Name), ".json") {
		in.refusals = append(in.refusals, Finding{File: f.Name, Line: 1, Column: 1, Problem: "is not a .json file", Done: "Leave it out, or give it the ending .json."})
		return
	}
	root, repairs, refusals := readJSON(f.Name, f.Content)
	in.repairs = append(in.repairs, repairs...)
	in.refusals = append(in.refusals, refusals...)
	if root == nil || len(refusals) > 0 {
		return
	}
	things := []*node{root}
	if root.kind == '[' {
		things = root.items
	}
	for _, thing := range things {
		switch {
		case thing.kind != '{':
			in.refuse(f.Name, thing, "", "is neither a blueprint nor an entity", "A blueprint or entity is an object: { ... }.")
		case thing.get("schema") != nil:
			in.readBlueprint(f.Name, thing)
		default:
			in.readEntity(f.Name, thing)
		}
	}
}

func (in *importer) finish() Report {
	report := Report{
		DryRun: in.o.DryRun, Applied: len(in.refusals) == 0 && !in.o.DryRun,
		Blueprints: []ImportItem{}, Entities: []ImportItem{}, Repairs: []Finding{}, Refusals: []Finding{},
	}
	count := map[string]int{}
	for _, b := range in.blueprints {
		report.Blueprints = append(report.Blueprints, ImportItem{File: b.file, Identifier: b.identifier, Verb: b.verb})
		count[b.verb]++
	}
	for _, e := range in.entities {
		report.Entities = append(report.Entities, ImportItem{File: e.file, Blueprint: e.blueprint, Identifier: e.sent.Identifier, Verb: e.verb})
		count[e.verb]++
	}
	byPlace := func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line, a.Column-b.Column, strings.Compare(a.Path, b.Path))
	}
	slices.SortStableFunc(in.repairs, byPlace)
	slices.SortStableFunc(in.refusals, byPlace)
	report.Repairs = append(report.Repairs, in.repairs[:min(len(in.repairs), maxFindings)]...)
	report.Refusals = append(report.Refusals, in.refusals[:min(len(in.refusals), maxFindings)]...)
	report.Omitted = len(in.repairs) + len(in.refusals) - len(report.Repairs) - len(report.Refusals)
	report.Summary = in.summary(count)
	return report
}

func (in *importer) summary(count map[string]int) string {
	things := plural(len(in.blueprints), "blueprint") + " and " + entities(len(in.entities))
	if n := len(in.refusals); n > 0 {
		what := "Nothing was imported"
		if in.o.DryRun {
			what = "Nothing would be imported"
		}
		return fmt.Sprintf("%s: %s in %s. An import is all or nothing; mend what is listed and import again.", what, plural(n, "problem"), things)
	}
	verbs := fmt.Sprintf("%d created, %d changed, %d unchanged", count[verbCreate], count[verbUpdate], count[verbUnchanged])
	repaired := ""
	if n := len(in.repairs); n > 0 {
		repaired = "; " + plural(n, "repair")
	}
	if in.o.DryRun {
		return fmt.Sprintf("Would import %s: %s%s. Nothing was saved.", things, verbs, repaired)
	}
	return fmt.Sprintf("Imported %s: %s%s.", things, verbs, repaired)
}

func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

func entities(n int) string {
	if n == 1 {
		return "1 entity"
	}
	return fmt.Sprintf("%d entities", n)
}

// announce tells of an import that changed something: one event for the whole
// besides those of each change, and hints that do not flood the feed.
func (in *importer) announce(ctx context.Context, report Report) error {
	changed := 0
	for _, item := range slices.Concat(report.Blueprints, report.Entities) {
		if item.Verb != verbUnchanged {
			changed++
		}
	}
	if changed == 0 {
		return nil
	}
	const single = 50
	if len(in.entities) > single {
		in.tx.Notify(Topic, "")
	} else {
		for _, e := range in.entities {
			if e.verb != verbUnchanged {
				in.tx.Notify(Topic, Ref(e.blueprint, e.sent.Identifier))
			}
		}
	}
	return in.c.record(ctx, in.tx, "catalog.import", "catalog", in.o.By, in.o.RunID, audit.Detail(
		"blueprints", len(report.Blueprints), "entities", len(report.Entities), "changed", changed, "repairs", len(in.repairs)))
}
