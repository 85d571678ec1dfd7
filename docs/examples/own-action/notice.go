package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"sphera/action"
)

// notice is the input: the form, the flags of the command line and the page in
// the API's reference follow from the tags.
type notice struct {
	Name string `json:"name" title:"Name" help:"Names the notice's file." pattern:"^[a-z][a-z0-9-]*$" patternHelp:"lower case letters, digits and dashes" maxLength:"40" example:"database-update"`
	Text string `json:"text" title:"Text" help:"What people should know." minLength:"3" maxLength:"500"`
}

func postNotice(dir string) (*action.Action, error) {
	path := func(n notice) string { return filepath.Join(dir, n.Name+".txt") }
	content := func(n notice) []byte { return []byte(n.Text + "\n") }

	// The step's effect has a name that follows from its arguments. After a
	// crash it runs again, finds what it wrote, and writes the same once more.
	write := action.NewStepType("notice.write", action.ByName, func(_ context.Context, x *action.Exec, n notice) (string, error) {
		if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // a web server reads it
			return "", fmt.Errorf("make the folder of notices: %w", err)
		}
		part := path(n) + ".part"
		if err := os.WriteFile(part, content(n), 0o644); err != nil { //nolint:gosec // a web server reads it
			return "", fmt.Errorf("write the notice: %w", err)
		}
		if err := os.Rename(part, path(n)); err != nil {
			return "", fmt.Errorf("post the notice: %w", err)
		}
		x.Logf("posted %s", path(n))
		x.Changed(action.Change{Kind: "file", Verb: "created", Title: path(n)})
		return path(n), nil
	}).WithUndo(func(_ context.Context, _ *action.Exec, n notice, _ string) error {
		err := os.Remove(path(n))
		if errors.Is(err, fs.ErrNotExist) {
			return nil // undone before, or never done
		}
		return err
	})

	return action.New(action.Definition[notice]{
		Identifier: "post_notice", Title: "Post a notice", Group: "Organisation", Icon: "speakerphone",
		Description: "Tells everybody something on the status page.",
		Roles:       []string{"infrastructure", "maintainer"},
		StepTypes:   []action.StepType{write.Type},
		// Plan looks and says what would happen. It changes nothing.
		Plan: func(_ context.Context, _ action.Request, n notice) (*action.Plan, error) {
			if _, err := os.Stat(path(n)); err == nil {
				return nil, action.Invalid("name", "is taken by another notice", "a name that is free")
			} else if !errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("look for the notice: %w", err)
			}
			return &action.Plan{
				Summary: "Post the notice " + n.Name + ".",
				Calls:   []action.Call{{System: "Status page", Description: "Write " + path(n) + ": " + n.Text}},
				Steps:   []action.PlannedStep{{Name: "write", Title: "Write the notice", Undo: "remove it"}},
				Locks:   []string{"notice:" + n.Name},
				Facts:   map[string]string{"notice " + n.Name: "does not exist"},
			}, nil
		},
		Apply: func(_ context.Context, _ action.Request, n notice) ([]action.Step, error) {
			step, err := write.Step("write", "Write the notice", n)
			return []action.Step{step}, err
		},
		Verify: func(_ context.Context, _ action.Request, n notice) ([]action.Check, error) {
			found, err := os.ReadFile(path(n))
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("read the notice: %w", err)
			}
			check := action.Check{Identifier: "posted", Title: "The notice is posted", OK: bytes.Equal(found, content(n)), Found: "the text", Expected: "a file " + path(n) + " with the text"}
			if !check.OK {
				check.Found = "another text, or no file"
			}
			return []action.Check{check}, nil
		},
	})
}
