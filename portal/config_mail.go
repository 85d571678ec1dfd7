package portal

import (
	"os"
	"strings"

	"sphera/internal/notify"

	"github.com/spf13/pflag"
)

// mailConfig is the mail server that notices are handed to.
type mailConfig struct {
	notify.Mail
	passwordFile string
}

func (m *mailConfig) flags(f *pflag.FlagSet) {
	f.StringVar(&m.Address, "smtp-address", "", "mail server that notices are handed to, host:port (default: no mail)")
	f.StringVar(&m.From, "smtp-from", "Sphera <sphera@localhost>", "sender of mails")
	f.StringVar(&m.User, "smtp-user", "", "user at the mail server")
	f.StringVar(&m.Password, "smtp-password", "", "password at the mail server")
	f.StringVar(&m.passwordFile, "smtp-password-file", "", "file that holds the password, so that it stands in no command line")
	f.StringVar(&m.TLS, "smtp-tls", "starttls", "starttls, tls or none")
}

func (m *mailConfig) complete() error {
	if m.passwordFile != "" {
		if m.Password != "" {
			return usage("--smtp-password and --smtp-password-file exclude each other")
		}
		raw, err := os.ReadFile(m.passwordFile)
		if err != nil {
			return usage("read the password of the mail server: %v", err)
		}
		m.Password = strings.TrimSpace(string(raw))
	}
	if err := m.Check(); err != nil {
		return usage("--%v", err)
	}
	return nil
}
