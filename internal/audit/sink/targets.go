package sink

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"sphera/internal/audit/seal"
	"sphera/internal/outgoing"
)

// target takes lines. What it returned nil for is with the receiver.
type target interface {
	send(ctx context.Context, lines [][]byte) error
	close() error
}

func (s *Sinks) open(spec Spec) target {
	switch spec.Kind {
	case "file":
		return &file{path: spec.Path}
	case "syslog":
		return &syslog{network: spec.Network, address: spec.Address, host: s.host, now: s.now}
	default:
		return &webhook{url: spec.URL, token: spec.Token, client: s.client, key: s.key, now: s.now}
	}
}

// file appends to a file that only its owner reads. Lines are on the disk when
// send returns. A file that was moved away is made anew.
type file struct{ path string }

func (f *file) send(_ context.Context, lines [][]byte) error {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return fmt.Errorf("make the folder of the audit file: %w", err)
	}
	out, err := os.OpenFile(f.path, os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("open the audit file: %w", err)
	}
	defer out.Close()
	info, err := out.Stat()
	if err != nil {
		return fmt.Errorf("inspect the audit file: %w", err)
	}
	data := bytes.Join(lines, nil)
	if size := info.Size(); info.Mode().IsRegular() && size > 0 { // a line that a crash cut off is ended first
		last := make([]byte, 1)
		if _, err := out.ReadAt(last, size-1); err == nil && last[0] != '\n' {
			data = append([]byte("\n"), data...)
		}
	}
	if _, err := out.Write(data); err != nil {
		return fmt.Errorf("write the audit file: %w", err)
	}
	if info.Mode().IsRegular() {
		if err := out.Sync(); err != nil {
			return fmt.Errorf("write the audit file: %w", err)
		}
	}
	return nil
}

func (f *file) close() error { return nil }

// syslog sends RFC 5424 messages: facility 13 (log audit), severity notice. On
// TCP each has its length before it (RFC 6587).
type syslog struct {
	network, address, host string
	now                    func() time.Time
	conn                   net.Conn
}

const syslogWait = 5 * time.Second

func (s *syslog) send(ctx context.Context, lines [][]byte) error {
	if s.conn == nil {
		dialer := net.Dialer{Timeout: syslogWait}
		conn, err := dialer.DialContext(ctx, s.network, s.address)
		if err != nil {
			return fmt.Errorf("reach the syslog server: %w", err)
		}
		s.conn = conn
	}
	if err := s.conn.SetWriteDeadline(s.now().Add(syslogWait)); err != nil {
		return errors.Join(fmt.Errorf("write to the syslog server: %w", err), s.close())
	}
	for _, line := range lines {
		message := fmt.Appendf(nil, "<109>1 %s %s sphera %d audit - %s", s.now().UTC().Format("2006-01-02T15:04:05.000Z"), s.host, os.Getpid(), bytes.TrimSuffix(line, []byte("\n")))
		if s.network == "tcp" {
			message = append(append(strconv.AppendInt(nil, int64(len(message)), 10), ' '), message...)
		}
		if _, err := s.conn.Write(message); err != nil {
			return errors.Join(fmt.Errorf("write to the syslog server: %w", err), s.close())
		}
	}
	return nil
}

func (s *syslog) close() error {
	if s.conn == nil {
		return nil
	}
	err := s.conn.Close()
	s.conn = nil
	return err
}

// webhook posts lines, signed as Standard Webhooks has it for Ed25519: the
// receiver checks with the public key of the checkpoints.
type webhook struct {
	url, token string
	client     *outgoing.Client
	key        *seal.Key
	now        func() time.Time
}

func (w *webhook) send(ctx context.Context, lines [][]byte) error {
	body := bytes.Join(lines, nil)
	at := strconv.FormatInt(w.now().Unix(), 10)
	id := "audit_" + seal.Digest(body)
	header := http.Header{
		"Content-Type": {"application/x-ndjson"}, "Webhook-Id": {id}, "Webhook-Timestamp": {at},
		"Webhook-Signature": {"v1a," + w.key.Sign([]byte(id+"."+at+"."+string(body)))},
	}
	if w.token != "" {
		header.Set("Authorization", "Bearer "+w.token)
	}
	return w.client.Post(ctx, w.url, header, bytes.NewReader(body))
}

func (w *webhook) close() error { return nil }
