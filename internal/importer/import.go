package importer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"sphera/internal/catalog"
	"sphera/internal/fault"
)

// The limits of one import.
const (
	maxFiles      = 20_000
	maxFileBytes  = 64 << 20
	maxTotalBytes = 256 << 20
	maxFileName   = 1500
	maxFindings   = 1000
	// atOnce is up to how many entities are written in one transaction. More
	// are staged, so that others can write meanwhile.
	atOnce = 2000
)

// The formats that are read.
const (
	FormatPort      = "port"
	FormatBackstage = "backstage"
	FormatCSV       = "csv"
)

// errRollback ends an import that must leave nothing behind.
var errRollback = errors.New("import is rolled back")

// Options say how to import.
type Options struct {
	// Format is one of the formats; "" takes it from the names of the files:
	// .yaml and .yml are Backstage's, .csv and .tsv are tables, .json is Port's.
	Format string
	// Blueprint is what the rows of a CSV file are, where nothing else says it.
	Blueprint string
	// CreateMissing makes bare entities of what relations point at and what is
	// neither in the files nor in the catalog; otherwise that is refused.
	CreateMissing bool
	// Replace makes each blueprint and entity as the files say: what they leave
	// out is cleared. Otherwise it stays as it is.
	Replace bool
	// Prune deletes the entities that the files do not have, of the blueprints
	// that they have entities or a document of. It needs Replace.
	Prune bool
	// DryRun reports and saves nothing.
	DryRun bool
	// By is the id of the user or program that imports.
	By    string
	RunID string
}

// Importer puts files into a catalog.
type Importer struct{ catalog *catalog.Catalog }

// New returns an importer into c.
func New(c *catalog.Catalog) *Importer { return &Importer{catalog: c} }

// Import reads blueprints and entities from files and saves them all, or none:
// what is unambiguous is repaired and reported; anything else that is wrong is
// refused with its place, and with one refusal nothing is imported. Without
// Replace it adds and changes what the files say and removes nothing: keys that
// a file does not have stay, null clears. The order of the files does not
// matter.
func (im *Importer) Import(ctx context.Context, files []catalog.ImportFile, o Options) (catalog.Report, error) {
	if err := check(files, o); err != nil {
		return catalog.Report{}, err
	}
	blueprints, err := im.catalog.Blueprints(ctx)
	if err != nil {
		return catalog.Report{}, fmt.Errorf("import: %w", err)
	}
	in := newLoad(o, blueprints)
	in.read(files)
	if len(in.entities) > atOnce {
		return im.stage(ctx, in)
	}
	var report catalog.Report
	atomically := im.catalog.Atomically
	if o.DryRun {
		atomically = im.catalog.Rehearse
	}
	err = atomically(ctx, func(b *catalog.Transaction) error {
		blueprints, err := b.Blueprints(ctx)
		if err != nil {
			return err
		}
		in := newLoad(o, blueprints)
		in.b, in.look = b, b.Existing
		in.read(files)
		if err := in.run(ctx); err != nil {
			return err
		}
		report = in.report()
		if !report.Applied {
			return errRollback
		}
		return in.announce(ctx, report)
	})
	if err != nil && !errors.Is(err, errRollback) {
		return catalog.Report{}, fmt.Errorf("import: %w", err)
	}
	return report, nil
}

// Read says what files become without looking at entities or saving anything.
func Read(files []catalog.ImportFile, format string, known []catalog.Blueprint) (Reading, error) {
	if err := check(files, Options{Format: format}); err != nil {
		return Reading{}, err
	}
	var out Reading
	tables := map[string]catalog.Blueprint{}
	for _, b := range known {
		tables[b.Identifier] = b
	}
	byFormat := map[string][]catalog.ImportFile{}
	for _, f := range files {
		name := cmp.Or(format, formatOf(f.Name))
		byFormat[name] = append(byFormat[name], f)
	}
	for _, r := range []Reading{Port(byFormat[FormatPort]), Backstage(byFormat[FormatBackstage]), CSV(byFormat[FormatCSV], "", tables)} {
		out.Things = append(out.Things, r.Things...)
		out.Repairs = append(out.Repairs, r.Repairs...)
		out.Refusals = append(out.Refusals, r.Refusals...)
	}
	return out, nil
}

func check(files []catalog.ImportFile, o Options) error {
	if !slices.Contains([]string{"", FormatPort, FormatBackstage, FormatCSV}, o.Format) {
		return fault.Field("format", "is not a format that is known here", "port, backstage or csv")
	}
	if o.Prune && !o.Replace {
		return fault.Field("prune", "is asked for without replace", "both, or neither")
	}
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

// load is one import in its transaction.
type load struct {
	// b is the transaction; until the last one a large import has a staging
	// instead.
	b       *catalog.Transaction
	staging *catalog.Staging
	// look finds which entities there are.
	look func(ctx context.Context, blueprint string, identifiers []string) (map[string]bool, error)
	o    Options

	blueprints []*blueprintItem
	scorecards []*scorecardItem
	entities   []*entityItem
	// stored are the blueprints before the import, known those after it without
	// the refused ones; named are all that there are or that the files have.
	stored, known map[string]catalog.Blueprint
	named         map[string]bool
	repairs       []catalog.Finding
	refusals      []catalog.Finding
	deleted       []catalog.ImportItem
	// broken are the entities of the files that were refused by the readers.
	broken map[string]bool
}

type blueprintItem struct {
	Thing
	identifier string
	verb       string
}

type scorecardItem struct {
	Thing
	blueprint, identifier string
	verb                  string
}

type entityItem struct {
	Thing
	verb string
}

// What an import did with a thing.
const (
	verbCreate    = "create"
	verbUpdate    = "update"
	verbUnchanged = "unchanged"
	verbDelete    = "delete"
	verbRefused   = "refused"
)

func newLoad(o Options, blueprints []catalog.Blueprint) *load {
	in := &load{o: o, stored: map[string]catalog.Blueprint{}, known: map[string]catalog.Blueprint{}, named: map[string]bool{}, broken: map[string]bool{}}
	for _, b := range blueprints {
		in.stored[b.Identifier], in.known[b.Identifier], in.named[b.Identifier] = b, b, true
	}
	return in
}

func (in *load) run(ctx context.Context) error {
	if err := in.putBlueprints(ctx); err != nil {
		return err
	}
	if err := in.putScorecards(ctx); err != nil {
		return err
	}
	if err := in.putEntities(ctx); err != nil {
		return err
	}
	if in.o.Prune && len(in.refusals) == 0 {
		return in.prune(ctx)
	}
	return nil
}

// read sorts the files by format. Tables come last: their columns may be those
// of a blueprint among the files.
func (in *load) read(files []catalog.ImportFile) {
	byFormat := map[string][]catalog.ImportFile{}
	for _, f := range files {
		format := cmp.Or(in.o.Format, formatOf(f.Name))
		byFormat[format] = append(byFormat[format], f)
	}
	in.take(Port(byFormat[FormatPort]), false)
	in.take(Backstage(byFormat[FormatBackstage]), true)
	if tables := byFormat[FormatCSV]; len(tables) > 0 {
		in.take(CSV(tables, in.o.Blueprint, in.columns()), false)
	}
}

func formatOf(name string) string {
	switch name = strings.ToLower(name); {
	case strings.HasSuffix(name, ".yaml"), strings.HasSuffix(name, ".yml"):
		return FormatBackstage
	case strings.HasSuffix(name, ".csv"), strings.HasSuffix(name, ".tsv"):
		return FormatCSV
	default:
		return FormatPort
	}
}

// columns are the blueprints that a table may be about: those there are and
// those of the files.
func (in *load) columns() map[string]catalog.Blueprint {
	out := map[string]catalog.Blueprint{}
	maps.Copy(out, in.known)
	for _, item := range in.blueprints {
		if merged, err := in.merge(item); err == nil {
			out[item.identifier] = merged
		}
	}
	return out
}

// take adds what was read. Blueprints made of another program's format are
// weaker than those there are: they add to them.
func (in *load) take(r Reading, converted bool) {
	in.repairs = append(in.repairs, r.Repairs...)
	in.refusals = append(in.refusals, r.Refusals...)
	for _, ref := range r.Broken {
		in.broken[ref] = true
	}
	for _, thing := range r.Things {
		if thing.Scorecard != nil {
			id, _ := thing.Scorecard["identifier"].(string)
			blueprint, _ := thing.Scorecard["blueprint"].(string)
			in.scorecards = append(in.scorecards, &scorecardItem{Thing: thing, blueprint: blueprint, identifier: id, verb: verbRefused})
			continue
		}
		if thing.Blueprint == nil {
			in.entities = append(in.entities, &entityItem{Thing: thing, verb: verbRefused})
			continue
		}
		id, _ := thing.Blueprint["identifier"].(string)
		if converted {
			thing.Blueprint = weaker(thing.Blueprint, in.stored, id)
		}
		in.addBlueprint(&blueprintItem{Thing: thing, identifier: id, verb: verbRefused})
	}
}

func (in *load) addBlueprint(item *blueprintItem) {
	for _, other := range in.blueprints {
		if other.identifier == item.identifier {
			line, _ := other.At("")
			in.refuse(item.Thing, "/identifier", fmt.Sprintf("is the second blueprint %q; the first is in %s, line %d", item.identifier, other.File, line), "Keep one of them.")
			return
		}
	}
	in.blueprints = append(in.blueprints, item)
	in.named[item.identifier] = true
}

func (in *load) refuse(t Thing, pointer, problem, advice string) {
	line, column := t.At(pointer)
	in.refusals = append(in.refusals, catalog.Finding{File: t.File, Line: line, Column: column, Path: pointer, Problem: problem, Done: advice})
}

func (in *load) repair(t Thing, pointer, problem, done string) {
	line, column := t.At(pointer)
	in.repairs = append(in.repairs, catalog.Finding{File: t.File, Line: line, Column: column, Path: pointer, Problem: problem, Done: done})
}

// refuseFault turns what the catalog says about a thing into findings.
func (in *load) refuseFault(t Thing, err error) bool {
	f, ok := fault.As(err)
	if !ok {
		return false
	}
	for _, d := range f.Details {
		in.refuse(t, d.Field, d.Problem, "Expected: "+d.Expected+".")
	}
	if len(f.Details) == 0 {
		in.refuse(t, "", f.Message, "Change it, or leave it out.")
	}
	return true
}
