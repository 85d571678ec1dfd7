package notify

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"sphera/internal/fault"

	"github.com/wneessen/go-mail"
)

// Mail is the server that mails are handed to.
type Mail struct {
	// Address is host:port; empty for no mail.
	Address string
	// From is what mails come from, e.g. "Sphera <portal@example.com>".
	From           string
	User, Password string
	// TLS is starttls (when empty), tls or none.
	TLS string
	// HELO is the name of this machine; localhost when empty.
	HELO string
}

// Check refuses settings that cannot work.
func (m Mail) Check() error {
	if m.Address == "" {
		return nil
	}
	host, port, err := net.SplitHostPort(m.Address)
	if n, bad := strconv.Atoi(port); err != nil || bad != nil || host == "" || n < 1 || n > 65535 {
		return fault.Field("smtp-address", "cannot be read", "host:port, e.g. mail.example.com:587")
	}
	if err := mail.NewMsg().From(m.From); err != nil {
		return fault.Field("smtp-from", "is not an address", "Sphera <portal@example.com>")
	}
	if m.TLS != "" && m.TLS != "starttls" && m.TLS != "tls" && m.TLS != "none" {
		return fault.Field("smtp-tls", "is not known", "starttls, tls or none")
	}
	return nil
}

// send hands one mail over. id is the same each time the same mail is tried.
func (m Mail) send(ctx context.Context, to, id string, list []message) error {
	text, page, err := bodies(list)
	if err != nil {
		return err
	}
	msg := mail.NewMsg()
	if err := msg.From(m.From); err != nil {
		return fmt.Errorf("read the sender: %w", err)
	}
	if err := msg.To(to); err != nil {
		return errRefused{fmt.Errorf("the address cannot be read: %w", err)}
	}
	msg.Subject(subject(list))
	msg.SetMessageIDWithValue(id + "@sphera")
	msg.SetDateWithValue(list[len(list)-1].At)
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetBodyString(mail.TypeTextPlain, text)
	msg.AddAlternativeString(mail.TypeTextHTML, page)
	client, err := m.client()
	if err != nil {
		return err
	}
	if err := client.DialAndSendWithContext(ctx, msg); err != nil {
		var failed *mail.SendError
		if errors.As(err, &failed) && !failed.IsTemp() && failed.ErrorCode() >= 500 {
			return errRefused{err}
		}
		return fmt.Errorf("hand a mail over: %w", err)
	}
	return nil
}

func (m Mail) client() (*mail.Client, error) {
	host, text, err := net.SplitHostPort(m.Address)
	if err != nil {
		return nil, fmt.Errorf("read the address of the mail server: %w", err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return nil, fmt.Errorf("read the port of the mail server: %w", err)
	}
	options := []mail.Option{mail.WithPort(port), mail.WithTimeout(20 * time.Second)}
	switch m.TLS {
	case "tls":
		options = append(options, mail.WithSSL())
	case "none":
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if m.HELO != "" {
		options = append(options, mail.WithHELO(m.HELO))
	}
	if m.User != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(m.User), mail.WithPassword(m.Password))
	}
	client, err := mail.NewClient(host, options...)
	if err != nil {
		return nil, fmt.Errorf("set the mail server up: %w", err)
	}
	return client, nil
}

// errRefused is an error that trying again cannot mend.
type errRefused struct{ err error }

func (e errRefused) Error() string { return e.err.Error() }
func (e errRefused) Unwrap() error { return e.err }
