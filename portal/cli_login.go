package portal

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// account is what the commands need of the signed-in user.
type account struct {
	ID    string   `json:"id"`
	Email string   `json:"email"`
	Name  string   `json:"name"`
	Roles []string `json:"roles"`
	Teams []string `json:"teams"`
}

func (c *cli) loginCommand() *cobra.Command {
	var email string
	var web bool
	command := &cobra.Command{
		Use:   "login",
		Short: "Sign in to a portal and keep an API token for the next commands",
		Long: `Sign in to a portal and keep an API token for the next commands.

In a terminal a page of the portal opens in the browser, which asks whether to
allow it. With --email, or when standard input is not a terminal, it asks for the
password instead, without showing it, or reads it from the first line of standard
input. The token goes into
$XDG_CONFIG_HOME/sphera/credentials.json, readable by you only. Programs set
SPHERA_SERVER and SPHERA_TOKEN instead.

` + exitHelp,
		Example: "  sphera login --server https://sphera.example.com\n  echo \"$PASSWORD\" | sphera login --server localhost:8080 --email dev@example.com",
		Args:    cobra.NoArgs,
	}
	command.Flags().StringVar(&email, "email", "", "your e-mail address, to sign in by password")
	command.Flags().BoolVar(&web, "web", false, "allow it in the browser, also when standard input is not a terminal")
	command.RunE = c.action(func(ctx context.Context, _ []string) error {
		server, err := c.loginServer()
		if err != nil {
			return err
		}
		if web && email != "" {
			return usage("--web signs in as who is signed in in the browser; leave out --email")
		}
		if web || email == "" && isTerminal(c.in) {
			value, id, err := c.browserLogin(ctx, server)
			if err != nil {
				return err
			}
			return c.keepLogin(ctx, server, value, id)
		}
		return c.login(ctx, server, email)
	})
	return command
}

// login signs in by password, to make the token and for nothing else.
func (c *cli) login(ctx context.Context, server, email string) error {
	input := bufio.NewReader(c.in)
	var err error
	if email == "" {
		if email, err = c.ask(ctx, input, "E-mail: "); err != nil {
			return err
		}
	}
	password, err := c.askPassword(ctx, input)
	if err != nil {
		return err
	}
	r := newRemote(server, "")
	if err := r.post(ctx, apiPath("v1", "auth", "login"), map[string]string{"email": email, "password": password}, nil); err != nil {
		return err
	}
	var made struct {
		Value string              `json:"value"`
		Token struct{ ID string } `json:"token"`
	}
	err = r.post(ctx, apiPath("v1", "tokens"), map[string]string{"name": "sphera on " + hostName()}, &made)
	err = errors.Join(err, r.post(ctx, apiPath("v1", "auth", "logout"), nil, nil))
	if err != nil {
		return err
	}
	return c.keepLogin(ctx, server, made.Value, made.Token.ID)
}

// keepLogin keeps the token for the next commands and says whose it is.
func (c *cli) keepLogin(ctx context.Context, server, value, id string) error {
	r := newRemote(server, value)
	var me struct {
		User account `json:"user"`
	}
	if err := r.get(ctx, apiPath("v1", "me"), nil, &me); err != nil {
		return err
	}
	saved, err := c.loadCredentials()
	if err != nil {
		return err
	}
	saved.Server = server
	saved.Portals[server] = credential{Email: me.User.Email, TokenID: id, Token: value}
	if err := c.saveCredentials(saved); err != nil {
		return err
	}
	return c.showAccount(ctx, r, "Signed in to "+server+" as ")
}

// loginServer is where to sign in: login is the one command that needs no
// former login.
func (c *cli) loginServer() (string, error) {
	for _, server := range []string{c.server, c.env("SPHERA_SERVER")} {
		if server != "" {
			return portalAddress(server)
		}
	}
	if saved, err := c.loadCredentials(); err == nil && saved.Server != "" {
		return saved.Server, nil
	}
	return portalAddress("localhost:8080")
}

func (c *cli) ask(ctx context.Context, input *bufio.Reader, question string) (string, error) {
	if isTerminal(c.in) {
		fmt.Fprint(c.err, question)
	}
	line, err := answered(ctx, func() (string, error) { return input.ReadString('\n') })
	if errors.Is(err, io.EOF) && line == "" {
		return "", usage("%sno answer on standard input", question)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return strings.TrimRight(line, "\r\n"), nil
}

func (c *cli) askPassword(ctx context.Context, input *bufio.Reader) (string, error) {
	terminal, ok := c.in.(*os.File)
	if !ok || !isTerminal(terminal) {
		return c.ask(ctx, input, "Password: ")
	}
	before, err := term.GetState(int(terminal.Fd()))
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	fmt.Fprint(c.err, "Password: ")
	typed, err := answered(ctx, func() (string, error) {
		typed, err := term.ReadPassword(int(terminal.Fd()))
		return string(typed), err
	})
	fmt.Fprintln(c.err)
	// After an interruption the terminal would stay without echo.
	return typed, errors.Join(err, term.Restore(int(terminal.Fd()), before))
}

func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return "this computer"
	}
	return name
}

func (c *cli) logoutCommand() *cobra.Command {
	command := &cobra.Command{Use: "logout", Short: "Forget the API token and make it worthless", Args: cobra.NoArgs}
	command.RunE = c.action(func(ctx context.Context, _ []string) error {
		server, err := c.loginServer()
		if err != nil {
			return err
		}
		saved, err := c.loadCredentials()
		if err != nil {
			return err
		}
		was, ok := saved.Portals[server]
		if !ok {
			return &remoteError{status: 401, Code: "unauthorized", Message: "You are not signed in to " + server + "."}
		}
		err = newRemote(server, was.Token).call(ctx, "DELETE", apiPath("v1", "tokens", was.TokenID), nil, nil, nil)
		if code := exitCode(err); code != exitOK && code != exitSignIn && code != exitNotFound {
			return fmt.Errorf("the token is kept, because the portal did not delete it: %w", err)
		}
		delete(saved.Portals, server)
		if saved.Server == server {
			saved.Server = ""
		}
		if err := c.saveCredentials(saved); err != nil {
			return err
		}
		if c.json() {
			writeJSON(c.out, map[string]any{"ok": true, "server": server})
			return nil
		}
		fmt.Fprintln(c.out, "Signed out of "+server)
		return nil
	})
	return command
}

func (c *cli) whoamiCommand() *cobra.Command {
	command := &cobra.Command{Use: "whoami", Short: "Say who you are signed in as, and where", Args: cobra.NoArgs}
	command.RunE = c.action(func(ctx context.Context, _ []string) error {
		r, err := c.connect()
		if err != nil {
			return err
		}
		return c.showAccount(ctx, r, "")
	})
	return command
}

func (c *cli) showAccount(ctx context.Context, r *remote, before string) error {
	var me struct {
		User    account `json:"user"`
		Version string  `json:"version"`
	}
	if err := r.get(ctx, apiPath("v1", "me"), nil, &me); err != nil {
		return err
	}
	if c.json() {
		writeJSON(c.out, map[string]any{"ok": true, "server": r.server, "user": me.User, "version": me.Version})
		return nil
	}
	fmt.Fprintf(c.out, "%s%s <%s>\n", before, clean(me.User.Name), clean(me.User.Email))
	if before == "" {
		fmt.Fprintf(c.out, "Portal: %s (version %s)\nRoles:  %s\nTeams:  %s\n", r.server, clean(me.Version),
			orDash(strings.Join(me.User.Roles, ", ")), orDash(strings.Join(me.User.Teams, ", ")))
	}
	return nil
}
