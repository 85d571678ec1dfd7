package portal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"sphera/internal/catalog"

	"github.com/spf13/cobra"
)

// maxImport bounds what one import sends.
const maxImport = 64 << 20

func (c *cli) catalogCommand() *cobra.Command {
	command := &cobra.Command{Use: "catalog", Short: "Read, import and export the catalog"}

	get := &cobra.Command{
		Use: "get BLUEPRINT/IDENTIFIER", Short: "Show one entity", Args: cobra.RangeArgs(1, 2),
		Example: "  sphera catalog get Component/checkout",
	}
	get.RunE = c.action(func(ctx context.Context, args []string) error {
		blueprint, identifier, ok := strings.Cut(strings.Join(args, "/"), "/")
		if !ok || blueprint == "" || identifier == "" {
			return usage("name an entity as Blueprint/identifier")
		}
		return c.getEntity(ctx, blueprint, identifier)
	})

	var search string
	var limit int
	list := &cobra.Command{Use: "list [BLUEPRINT]", Short: "List blueprints, or the entities of one", Args: cobra.MaximumNArgs(1)}
	list.Flags().StringVar(&search, "search", "", "only entities that contain this text")
	list.Flags().IntVar(&limit, "limit", 50, "at most so many")
	list.ValidArgsFunction = c.suggestBlueprints()
	list.RunE = c.action(func(ctx context.Context, args []string) error {
		if len(args) == 0 {
			return c.listBlueprints(ctx)
		}
		return c.listEntities(ctx, args[0], search, limit)
	})

	var dryRun, createMissing bool
	var format, blueprint string
	load := &cobra.Command{
		Use: "import PATH...", Short: "Import blueprints and entities from files", Args: cobra.MinimumNArgs(1),
		Long: `Import blueprints and entities from files; folders are searched. JSON is read as
Port writes it, YAML as Backstage's catalog-info.yaml, CSV as a table with a
header whose rows are entities.

It adds and changes what the files say and removes nothing. What is unambiguous
is repaired and said with file, line and column; with one thing that is not,
nothing is saved. --dry-run shows all that and saves nothing.`,
		Example: "  sphera catalog import model/ --dry-run\n  sphera catalog import catalog-info.yaml\n  sphera catalog import services.csv --blueprint Component",
	}
	load.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would happen")
	load.Flags().StringVar(&format, "format", "", "port, backstage or csv; taken from the names of the files when not given")
	load.Flags().StringVar(&blueprint, "blueprint", "", "what the rows of a CSV file are")
	load.Flags().BoolVar(&createMissing, "create-missing", false, "make bare entities of what relations point at and what does not exist")
	load.RunE = c.action(func(ctx context.Context, args []string) error {
		query := url.Values{}
		for name, on := range map[string]bool{"dry_run": dryRun, "create_missing": createMissing} {
			if on {
				query.Set(name, "true")
			}
		}
		for name, value := range map[string]string{"format": format, "blueprint": blueprint} {
			if value != "" {
				query.Set(name, value)
			}
		}
		return c.sendFiles(ctx, args, "import", query)
	})

	var plan, prune bool
	apply := &cobra.Command{
		Use: "apply PATH...", Short: "Make the catalog as files say", Args: cobra.MinimumNArgs(1),
		Long: `Make blueprints and entities exactly as the files of an export say: what a file
leaves out of a thing is cleared. --plan shows what would change and changes
nothing. With --prune, entities that the files do not have are deleted, of those
blueprints that the files are about.`,
		Example: "  sphera catalog export catalog/\n  sphera catalog apply catalog/ --plan",
	}
	apply.Flags().BoolVar(&plan, "plan", false, "only say what would change")
	apply.Flags().BoolVar(&prune, "prune", false, "delete what the files do not have")
	apply.RunE = c.action(func(ctx context.Context, args []string) error {
		query := url.Values{}
		for name, on := range map[string]bool{"plan": plan, "prune": prune} {
			if on {
				query.Set(name, "true")
			}
		}
		return c.sendFiles(ctx, args, "apply", query)
	})

	save := &cobra.Command{Use: "export DIR", Short: "Write the whole catalog as files into an empty folder", Args: cobra.ExactArgs(1)}
	save.RunE = c.action(func(ctx context.Context, args []string) error { return c.exportFiles(ctx, args[0]) })

	command.AddCommand(get, list, load, apply, save)
	return command
}

func (c *cli) getEntity(ctx context.Context, blueprint, identifier string) error {
	r, err := c.connect()
	if err != nil {
		return err
	}
	var answer struct {
		Entity catalog.Entity `json:"entity"`
	}
	if err := r.get(ctx, apiPath("v1", "blueprints", blueprint, "entities", identifier), nil, &answer); err != nil {
		return err
	}
	if c.json() {
		writeJSON(c.out, answer.Entity)
		return nil
	}
	e := answer.Entity
	fmt.Fprintf(c.out, "%s  %s/%s\n", c.paint(c.out, bold, clean(e.Title)), clean(e.Blueprint), clean(e.Identifier))
	rows := [][]string{{"", ""}}
	rows = append(rows, []string{"team", orDash(strings.Join(e.Team, ", "))})
	for _, group := range []map[string]any{e.Properties, e.Relations} {
		for _, name := range sortedKeys(group) {
			if value := group[name]; value != nil {
				rows = append(rows, []string{name, oneLine(valueText(value))})
			}
		}
	}
	rows = append(rows, []string{"updated", ago(time.Now(), e.UpdatedAt)})
	c.table(rows)
	return nil
}

func valueText(value any) string {
	if list, ok := value.([]any); ok {
		parts := make([]string, len(list))
		for i, v := range list {
			parts[i] = fmt.Sprint(v)
		}
		return strings.Join(parts, ", ")
	}
	return fmt.Sprint(value)
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func (c *cli) listBlueprints(ctx context.Context) error {
	r, err := c.connect()
	if err != nil {
		return err
	}
	var answer struct {
		Blueprints []struct {
			Identifier  string `json:"identifier"`
			Title       string `json:"title"`
			EntityCount int    `json:"entityCount"`
		} `json:"blueprints"`
	}
	if err := r.get(ctx, apiPath("v1", "blueprints"), nil, &answer); err != nil {
		return err
	}
	if c.json() {
		writeJSON(c.out, answer.Blueprints)
		return nil
	}
	rows := [][]string{{"BLUEPRINT", "TITLE", "ENTITIES"}}
	for _, b := range answer.Blueprints {
		rows = append(rows, []string{b.Identifier, b.Title, fmt.Sprint(b.EntityCount)})
	}
	c.table(rows)
	return nil
}

func (c *cli) listEntities(ctx context.Context, blueprint, search string, limit int) error {
	r, err := c.connect()
	if err != nil {
		return err
	}
	page := catalog.Page{Entities: []catalog.Entity{}}
	for from := ""; len(page.Entities) < limit; {
		body := map[string]any{"limit": min(limit-len(page.Entities), 200)}
		if search != "" {
			body["text"] = search
		}
		if from != "" {
			body["from"] = from
		}
		var answer catalog.Page
		if err := r.post(ctx, apiPath("v1", "blueprints", blueprint, "entities", "search"), body, &answer); err != nil {
			return err
		}
		page.Entities, page.Total, page.Next = append(page.Entities, answer.Entities...), answer.Total, answer.Next
		if from = answer.Next; from == "" || len(answer.Entities) == 0 {
			break
		}
	}
	if c.json() {
		writeJSON(c.out, page.Entities)
		return nil
	}
	rows := [][]string{{"IDENTIFIER", "TITLE", "TEAM", "UPDATED"}}
	for _, e := range page.Entities {
		rows = append(rows, []string{e.Identifier, e.Title, orDash(strings.Join(e.Team, ", ")), ago(time.Now(), e.UpdatedAt)})
	}
	c.table(rows)
	if page.Next != "" {
		fmt.Fprintf(c.err, "%d of %d shown; narrow the list with --search or raise --limit.\n", len(page.Entities), page.Total)
	}
	return nil
}

// importFile is a file of an import as the API takes it.
type importFile struct {
	Name    string `json:"name"`
	Content string `json:"content"`
}

// sendFiles imports or applies what paths name.
func (c *cli) sendFiles(ctx context.Context, paths []string, verb string, query url.Values) error {
	files, err := collect(paths)
	if err != nil {
		return err
	}
	r, err := c.connect()
	if err != nil {
		return err
	}
	var answer struct {
		Report catalog.Report `json:"report"`
	}
	if err := r.call(ctx, http.MethodPost, apiPath("v1", verb), query, map[string]any{"files": files}, &answer); err != nil {
		return err
	}
	if c.json() {
		writeJSON(c.out, answer.Report)
	} else {
		c.showReport(answer.Report)
	}
	if n := len(answer.Report.Refusals); n > 0 {
		return &failedRunError{fmt.Sprintf("%d things could not be imported, so nothing was saved.", n)}
	}
	return nil
}

func (c *cli) showReport(report catalog.Report) {
	for _, group := range [][]catalog.ImportItem{report.Blueprints, report.Entities} {
		for _, item := range group {
			s, colour := sign(item.Verb)
			switch item.Verb {
			case "unchanged":
				if len(report.Entities) > 20 {
					continue // what stays is counted in the summary
				}
				s, colour = "=", grey
			case "refused":
				s, colour = "✗", red
			}
			name := item.Identifier
			if item.Blueprint != "" {
				name = item.Blueprint + "/" + name
			}
			c.item(s, colour, name+"  "+item.Verb)
		}
	}
	c.findings("Repaired", yellow, report.Repairs)
	c.findings("Refused", red, report.Refusals)
	fmt.Fprintf(c.out, "\n%s\n", clean(report.Summary))
}

// findings are written as compilers do, file:line:column, so that editors can
// jump there.
func (c *cli) findings(title, colour string, list []catalog.Finding) {
	if len(list) == 0 {
		return
	}
	c.heading(title, "")
	for _, f := range list {
		fmt.Fprintf(c.out, "%s:%d:%d: %s %s\n", clean(f.File), f.Line, f.Column, c.paint(c.out, colour, clean(f.Problem)), clean(mark(f.Done != "", "-> "+f.Done)))
	}
}

// collect reads the files that paths name; folders are searched.
func collect(paths []string) ([]importFile, error) {
	var out []importFile
	total := 0
	add := func(path string) error {
		content, err := os.ReadFile(path)
		if err != nil {
			return usage("%s cannot be read: %v", path, errors.Unwrap(err))
		}
		if total += len(content); total > maxImport {
			return usage("more than %d MiB to import; split it", maxImport>>20)
		}
		out = append(out, importFile{Name: filepath.ToSlash(path), Content: string(content)})
		return nil
	}
	for _, root := range paths {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return usage("%s cannot be read: %v", path, err)
			}
			known := slices.Contains([]string{".json", ".yaml", ".yml", ".csv", ".tsv"}, strings.ToLower(filepath.Ext(path)))
			if d.Type().IsRegular() && (known || path == root) {
				return add(path)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if len(out) == 0 {
		return nil, usage("no .json, .yaml or .csv file in %s", strings.Join(paths, ", "))
	}
	return out, nil
}

func (c *cli) exportFiles(ctx context.Context, dir string) error {
	r, err := c.connect()
	if err != nil {
		return err
	}
	var answer struct {
		Files []importFile `json:"files"`
	}
	if err := r.get(ctx, apiPath("v1", "export"), nil, &answer); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("make the folder: %w", err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		return usage("%s is not an empty folder", dir)
	}
	// Names come from the portal: a root keeps them inside the folder.
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("open the folder: %w", err)
	}
	defer root.Close()
	for _, file := range answer.Files {
		name := filepath.FromSlash(file.Name)
		if parent := filepath.Dir(name); parent != "." {
			if err := root.MkdirAll(parent, 0o750); err != nil {
				return fmt.Errorf("make a folder for %s: %w", file.Name, err)
			}
		}
		if err := root.WriteFile(name, []byte(file.Content), 0o640); err != nil {
			return fmt.Errorf("write %s: %w", file.Name, err)
		}
	}
	if c.json() {
		writeJSON(c.out, map[string]any{"ok": true, "files": len(answer.Files), "folder": dir})
		return nil
	}
	fmt.Fprintf(c.out, "Wrote %d files into %s\n", len(answer.Files), dir)
	return nil
}
