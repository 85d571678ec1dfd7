package portal

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// credentials is the file that sphera login writes: per portal the API token,
// and which portal is meant when none is named.
type credentials struct {
	Server  string                `json:"server"`
	Portals map[string]credential `json:"portals"`
}

type credential struct {
	Email   string `json:"email"`
	TokenID string `json:"tokenId"`
	Token   string `json:"token"`
}

func (c *cli) credentialsPath() (string, error) {
	if dir := c.env("XDG_CONFIG_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "sphera", "credentials.json"), nil
	}
	home := c.env("HOME")
	if home == "" {
		return "", usage("neither XDG_CONFIG_HOME nor HOME is set, so there is no place for credentials; set SPHERA_SERVER and SPHERA_TOKEN instead")
	}
	return filepath.Join(home, ".config", "sphera", "credentials.json"), nil
}

// loadCredentials reads the file; without one it returns an empty value.
func (c *cli) loadCredentials() (credentials, error) {
	out := credentials{Portals: map[string]credential{}}
	path, err := c.credentialsPath()
	if err != nil {
		return out, err
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return out, fmt.Errorf("read credentials: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return out, usage("%s can be read by others (mode %04o); run: chmod 600 %s", path, info.Mode().Perm(), path)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return out, fmt.Errorf("read credentials: %w", err)
	}
	if err := json.Unmarshal(raw, &out); err != nil {
		return out, usage("%s cannot be read (%v); remove it and sign in again", path, err)
	}
	if out.Portals == nil {
		out.Portals = map[string]credential{}
	}
	return out, nil
}

// saveCredentials replaces the file at once, readable by its owner only.
func (c *cli) saveCredentials(v credentials) error {
	path, err := c.credentialsPath()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make the folder for credentials: %w", err)
	}
	raw, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("write credentials: %w", err)
	}
	part, err := os.CreateTemp(filepath.Dir(path), ".credentials-*") // created with mode 0600
	if err != nil {
		return fmt.Errorf("write credentials: %w", err)
	}
	_, err = part.Write(append(raw, '\n'))
	err = errors.Join(err, part.Close())
	if err == nil {
		err = os.Rename(part.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("write credentials: %w", errors.Join(err, os.Remove(part.Name())))
	}
	return nil
}

// portal says which portal to talk to and with which token: flags, then the
// environment, then where one signed in last.
func (c *cli) portal() (server, token string, err error) {
	server = c.server
	if server == "" {
		server = c.env("SPHERA_SERVER")
	}
	token = c.env("SPHERA_TOKEN")
	var saved credentials
	if server == "" || token == "" {
		if saved, err = c.loadCredentials(); err != nil && server == "" {
			return "", "", err
		}
	}
	if server == "" {
		server = saved.Server
	}
	if server == "" {
		return "", "", &remoteError{status: 401, Code: "unauthorized", Message: "You are not signed in to any portal."}
	}
	if server, err = portalAddress(server); err != nil {
		return "", "", err
	}
	if token == "" {
		token = saved.Portals[server].Token
	}
	return server, token, nil
}

// portalAddress brings what a person types into one form.
func portalAddress(text string) (string, error) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil {
		return "", usage("%q is not the address of a portal; it looks like https://sphera.example.com", text)
	}
	return u.Scheme + "://" + u.Host + strings.TrimRight(u.Path, "/"), nil
}
