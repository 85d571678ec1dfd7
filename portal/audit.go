package portal

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"sphera/internal/audit/seal"
	"sphera/internal/store"

	"github.com/spf13/cobra"
)

// auditCommand is what operators and auditors do with the audit log.
func (a *app) auditCommand(c console) *cobra.Command {
	command := &cobra.Command{Use: "audit", Short: "Verify and export the audit log"}
	command.AddCommand(a.auditVerifyCommand(), a.auditKeyCommand())
	shared := &cli{console: c}
	export := shared.auditExportCommand()
	shared.commonFlags(export)
	command.AddCommand(export)
	return command
}

func (a *app) auditVerifyCommand() *cobra.Command {
	c := &config{}
	var checkpoints, keys []string
	var asJSON bool
	command := &cobra.Command{
		Use: "verify [FILE]", Short: "Find out whether the audit log was changed", Args: cobra.MaximumNArgs(1),
		Long: `Verify the chain over the audit log: in the database, also while a server works
with it, or in an exported file (- for standard input). Events that were edited,
deleted, inserted, swapped or cut off are listed with their position.

A checkpoint from outside of the database (--checkpoint, a file that a sink wrote
or an export ended with) is what shows that the end was not cut off and that the
chain was not written anew. --key is the public key as "sphera audit key" prints
it; without it the key in the data folder counts for a database, and for a file
the key that its checkpoints name, which shows damage and no forgery.`,
		Example: "  sphera audit verify --checkpoint /mnt/worm/audit.jsonl\n  sphera audit verify audit.jsonl --key 2l1n...=",
		RunE: func(command *cobra.Command, args []string) error {
			if err := c.load(command, a.env); err != nil {
				return err
			}
			o := seal.Options{Keys: keys}
			var err error
			if o.Checkpoints, err = readCheckpoints(checkpoints); err != nil {
				return err
			}
			var r *seal.Report
			if len(args) == 1 {
				r, err = verifyFile(command.InOrStdin(), args[0], o)
			} else {
				r, err = a.verifyDatabase(command.Context(), c, o)
			}
			if err != nil {
				return err
			}
			return a.tellReport(r, asJSON)
		},
	}
	c.flags(command.Flags())
	command.Flags().StringArrayVar(&checkpoints, "checkpoint", nil, "file with checkpoints from outside: of a sink or an export (repeatable)")
	command.Flags().StringArrayVar(&keys, "key", nil, "public key that may have signed checkpoints (repeatable)")
	command.Flags().BoolVar(&asJSON, "json", false, "write the whole report as JSON")
	return command
}

func verifyFile(in io.Reader, path string, o seal.Options) (*seal.Report, error) {
	if path == "-" {
		return seal.VerifyFile(in, o)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, usage("read the audit log: %v", err)
	}
	defer f.Close()
	return seal.VerifyFile(f, o)
}

func (a *app) verifyDatabase(ctx context.Context, c *config, o seal.Options) (*seal.Report, error) {
	if len(o.Keys) == 0 {
		key, err := seal.OpenKey(c.dataDir, c.auditKey)
		if err != nil {
			return nil, err
		}
		o.Keys = []string{key.Public()}
	}
	log, err := a.logger(c)
	if err != nil {
		return nil, err
	}
	if c.databaseURL == "" {
		if _, err := os.Stat(c.database()); err != nil {
			return nil, usage("there is no database at %s; say where the data is with --data-dir or --database-url", c.database())
		}
	}
	db, err := store.Open(ctx, c.database(), log)
	if err != nil {
		return nil, err
	}
	r, err := seal.Verify(ctx, db, o)
	return r, errors.Join(err, db.Close())
}

// readCheckpoints takes the checkpoints out of files of lines.
func readCheckpoints(paths []string) ([]seal.Checkpoint, error) {
	var out []seal.Checkpoint
	for _, path := range paths {
		before := len(out)
		f, err := os.Open(path)
		if err != nil {
			return nil, usage("read the checkpoint: %v", err)
		}
		scanner := bufio.NewScanner(f)
		scanner.Buffer(make([]byte, 64<<10), 1<<20)
		for scanner.Scan() {
			var line struct {
				Type       string           `json:"type"`
				Checkpoint *seal.Checkpoint `json:"checkpoint"`
			}
			if json.Unmarshal(scanner.Bytes(), &line) == nil && line.Type == "checkpoint" && line.Checkpoint != nil {
				out = append(out, *line.Checkpoint)
			}
		}
		if err := errors.Join(scanner.Err(), f.Close()); err != nil {
			return nil, fmt.Errorf("read the checkpoint: %w", err)
		}
		if len(out) == before {
			return nil, usage("%s has no checkpoint", path)
		}
	}
	return out, nil
}

// tellReport prints what was found; anything found is a failure.
func (a *app) tellReport(r *seal.Report, asJSON bool) error {
	if asJSON {
		writeJSON(a.stdout, r)
	} else {
		fmt.Fprintf(a.stdout, "%d events, positions %d to %d\n", r.Entries, r.From, r.To)
		if r.Waiting > 0 {
			fmt.Fprintf(a.stdout, "%d events wait to be sealed\n", r.Waiting)
		}
		if r.Checkpoint != nil {
			fmt.Fprintf(a.stdout, "%d checkpoints agree; the last is of %s at position %d, signed with key %s\n",
				r.Checkpoints, r.Checkpoint.At.Format(time.RFC3339), r.Checkpoint.Position, seal.KeyID(r.Checkpoint.PublicKey))
		}
		for _, p := range r.Problems {
			fmt.Fprintf(a.stdout, "position %d: %s: %s\n", p.Position, p.Kind, p.Text)
		}
	}
	if r.OK() {
		if !asJSON {
			fmt.Fprintln(a.stdout, "The chain is whole.")
		}
		return nil
	}
	return fmt.Errorf("the audit log is not as it was sealed; the first problem is at position %d", r.Problems[0].Position)
}

func (a *app) auditKeyCommand() *cobra.Command {
	c := &config{}
	command := &cobra.Command{
		Use: "key", Short: "Print the public key that checkpoints are verified with", Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := c.load(command, a.env); err != nil {
				return err
			}
			key, err := seal.OpenKey(c.dataDir, c.auditKey)
			if err != nil {
				return err
			}
			fmt.Fprintln(a.stdout, key.Public())
			return nil
		},
	}
	c.flags(command.Flags())
	return command
}

func (c *cli) auditExportCommand() *cobra.Command {
	var format, from, since, file string
	command := &cobra.Command{
		Use: "export", Short: "Write the audit log as lines of JSON or OCSF", Args: cobra.NoArgs,
		Long: `Write sealed events in their order, one JSON object a line. With --file, lines are
appended, and the next call goes on after the last whole line there: every event
is there at least once, whenever the command is stopped.`,
		Example: "  sphera audit export --file audit.jsonl\n  sphera audit export --format ocsf --since 2026-01-02T00:00:00Z > events.ndjson",
	}
	command.Flags().StringVar(&format, "format", "jsonl", "jsonl, which can be verified, or ocsf")
	command.Flags().StringVar(&from, "from", "", "position of the last event that you have")
	command.Flags().StringVar(&since, "since", "", "events since this time (RFC 3339), instead of --from")
	command.Flags().StringVar(&file, "file", "", "append to this file and go on where it ends")
	command.RunE = c.action(func(ctx context.Context, _ []string) error { return c.exportAudit(ctx, format, from, since, file) })
	return command
}

func (c *cli) exportAudit(ctx context.Context, format, from, since, path string) error {
	r, err := c.connect()
	if err != nil {
		return err
	}
	out := c.out
	if path != "" {
		f, last, err := appendTo(path)
		if err != nil {
			return err
		}
		defer f.Close()
		if out = f; last > 0 {
			from, since = strconv.FormatInt(last, 10), ""
		}
	}
	query := url.Values{"format": {format}}
	addIf(query, "from", from)
	addIf(query, "since", since)
	for {
		next, err := r.exportPart(ctx, query, out)
		if err != nil {
			return err
		}
		if next == query.Get("from") || next == "" {
			return nil
		}
		query.Set("from", next)
		query.Del("since")
	}
}

// exportPart copies one answer and returns where the next begins.
func (r *remote) exportPart(ctx context.Context, query url.Values, out io.Writer) (string, error) {
	response, err := r.send(ctx, http.MethodPost, apiPath("v1", "audit", "export"), query, nil, nil)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
		if err != nil {
			return "", &unreachableError{r.server, err}
		}
		return "", failure(response, body)
	}
	if _, err := io.Copy(out, response.Body); err != nil {
		return "", fmt.Errorf("the export broke off; go on from the last whole line: %w", err)
	}
	return response.Header.Get("X-Next-Position"), nil
}

// appendTo opens a file of an earlier export behind its last whole line, and
// tells the position of that.
func appendTo(path string) (*os.File, int64, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, 0, usage("open the file of the export: %v", err)
	}
	in := bufio.NewReader(f)
	var whole, last int64
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			break // the end, or a line that was cut off: written again
		}
		whole += int64(len(line))
		var at struct {
			Position int64 `json:"position"`
			Metadata struct {
				Sequence int64 `json:"sequence"`
			} `json:"metadata"`
		}
		if json.Unmarshal([]byte(strings.TrimSpace(line)), &at) == nil {
			last = max(last, at.Position, at.Metadata.Sequence)
		}
	}
	if err := f.Truncate(whole); err != nil {
		return nil, 0, errors.Join(fmt.Errorf("cut a broken line off: %w", err), f.Close())
	}
	if _, err := f.Seek(whole, io.SeekStart); err != nil {
		return nil, 0, errors.Join(fmt.Errorf("go to the end of the file: %w", err), f.Close())
	}
	return f, last, nil
}
