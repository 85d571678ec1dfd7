// Package portal is Sphera as a library: the server and its command line, to
// which an organisation adds its own actions. cmd/sphera is this and nothing
// else; docs/own-actions.md says how to build a program of one's own.
package portal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"sphera/action"
	"sphera/internal/runtime"

	"github.com/spf13/cobra"
)

// version is set by the linker.
var version = "dev"

// app is what the commands of the server share.
type app struct {
	env    func(name string) string
	stdout io.Writer
	stderr io.Writer
	now    func() time.Time
	// own are the actions the organisation adds to the built-in ones.
	own []*action.Action
	// interrupt tells of SIGINT and SIGTERM.
	interrupt <-chan os.Signal
}

// Main is the whole program with everything from outside handed in; it returns
// the exit code. The first of args is the program's name, as in os.Args. The
// server offers own actions beside the built-in ones.
func Main(ctx context.Context, args, environ []string, stdin io.Reader, stdout, stderr io.Writer, own ...*action.Action) int {
	if len(args) > 1 && args[1] == runtime.LaunchCommand {
		err := runtime.Launch(args[2:], environ) // returns only on failure
		fmt.Fprintln(stderr, err)
		return exitFailed
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	env := lookup(environ)
	a := &app{env: env, stdout: stdout, stderr: stderr, now: time.Now, own: own, interrupt: signals}
	root := rootCommand(a, console{in: stdin, out: stdout, err: stderr, env: env})
	root.SetArgs(args[1:])
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var shown *shownError
	if err != nil && !errors.As(err, &shown) {
		fmt.Fprintln(stderr, "Error:", err)
	}
	return exitCode(err)
}

func lookup(environ []string) func(string) string {
	values := make(map[string]string, len(environ))
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		values[name] = value
	}
	return func(name string) string { return values[name] }
}

func rootCommand(a *app, c console) *cobra.Command {
	root := &cobra.Command{
		Use: "sphera", Short: "Sphera, the developer portal: the server and its command line",
		Version: version, SilenceUsage: true, SilenceErrors: true,
	}
	root.SetVersionTemplate("sphera {{.Version}}\n")
	root.AddGroup(&cobra.Group{ID: "server", Title: "Running a portal:"}, &cobra.Group{ID: developerGroup, Title: "Working with a portal:"})
	server := []*cobra.Command{a.serverCommand(), a.demoCommand(), a.migrateCommand(), a.relayCommand(), a.auditCommand(c)}
	for _, command := range server {
		command.GroupID = "server"
	}
	root.AddCommand(server...)
	root.AddCommand(clientCommands(c)...)
	root.AddCommand(a.openapiCommand(), &cobra.Command{
		Use: "version", Short: "Print the version", Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(command.OutOrStdout(), "sphera", version)
			return err
		},
	})
	return root
}
