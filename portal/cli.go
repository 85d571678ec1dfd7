package portal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// console is where the developer commands read from and write to.
type console struct {
	in  io.Reader
	out io.Writer
	err io.Writer
	env func(name string) string
}

// cli is what the developer commands share.
type cli struct {
	console
	server string
	output string
}

// clientCommands are the commands of developers: they talk to a portal over
// its API and never open its database.
func clientCommands(c console) []*cobra.Command {
	shared := &cli{console: c}
	commands := []*cobra.Command{
		shared.loginCommand(), shared.logoutCommand(), shared.whoamiCommand(),
		shared.createCommand(), shared.deployCommand(), shared.revertCommand(), shared.actionCommand(),
		shared.runCommand(), shared.approvalsCommand(), shared.catalogCommand(), shared.flagCommand(), shared.repoCommand(),
	}
	for _, command := range commands {
		command.GroupID = developerGroup
		shared.commonFlags(command)
	}
	return commands
}

// developerGroup is the heading of these commands in the help; the root
// command must have a group of this id.
const developerGroup = "developer"

func (c *cli) commonFlags(command *cobra.Command) {
	flags := command.PersistentFlags()
	flags.StringVar(&c.server, "server", "", "address of the portal (default: SPHERA_SERVER, or where you last signed in)")
	flags.StringVarP(&c.output, "output", "o", "text", "text or json")
	completeFlag(command, "output", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
	c.quiet(command)
}

// quiet makes every mistake in a call an error that is shown once, by us.
func (c *cli) quiet(command *cobra.Command) {
	command.SilenceUsage = true
	command.SilenceErrors = true
	command.SetFlagErrorFunc(func(command *cobra.Command, err error) error { return c.misused(command, err) })
	if check := command.Args; check != nil {
		command.Args = func(command *cobra.Command, args []string) error {
			if err := check(command, args); err != nil {
				return c.misused(command, err)
			}
			return nil
		}
	}
	if command.HasSubCommands() {
		command.Args = func(command *cobra.Command, args []string) error {
			if len(args) > 0 {
				return c.misused(command, fmt.Errorf("there is no command %q", args[0]))
			}
			return nil
		}
		if command.RunE == nil {
			command.RunE = func(command *cobra.Command, _ []string) error { return command.Help() }
		}
	}
	for _, child := range command.Commands() {
		c.quiet(child)
	}
}

func (c *cli) misused(command *cobra.Command, err error) error {
	err = usage("%v; see: %s --help", err, command.CommandPath())
	c.showError(err)
	return &shownError{err}
}

// action wraps what a command does: it checks the common flags, and shows an
// error once, in the form that was asked for.
func (c *cli) action(do func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(command *cobra.Command, args []string) error {
		err := usage("--output is %q: it must be text or json", c.output)
		if c.output == "text" || c.output == "json" {
			ctx, stop := signal.NotifyContext(command.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			err = do(ctx, args)
		}
		if errors.Is(err, context.Canceled) {
			err = &failedRunError{"Interrupted."}
		}
		if err == nil {
			return nil
		}
		c.showError(err)
		return &shownError{err}
	}
}

func (c *cli) json() bool { return c.output == "json" }

// fancy reports whether w is a terminal that understands colours and moving
// the cursor, and the person wants that (https://no-color.org).
func (c *cli) fancy(w io.Writer) bool {
	return c.env("NO_COLOR") == "" && c.env("TERM") != "dumb" && isTerminal(w)
}

// answered is what read returns, unless the person interrupts first: reading
// a terminal cannot be cancelled, so it is then left behind.
func answered(ctx context.Context, read func() (string, error)) (string, error) {
	type answer struct {
		text string
		err  error
	}
	got := make(chan answer, 1)
	go func() {
		text, err := read()
		got <- answer{text, err}
	}()
	select {
	case a := <-got:
		return a.text, a.err
	case <-ctx.Done():
		return "", &failedRunError{"Interrupted; nothing was done."}
	}
}

func isTerminal(v any) bool {
	f, ok := v.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
