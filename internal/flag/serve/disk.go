package serve

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"sphera/internal/flag"
	"sphera/internal/flag/eval"
)

// message is one set as it is kept on disk and sent to relays.
type message struct {
	Project     string          `json:"project"`
	Environment string          `json:"environment"`
	Version     int64           `json:"version"`
	ETag        string          `json:"etag"`
	Bucketing   int             `json:"bucketing,omitempty"`
	Clients     []string        `json:"clients"`
	Definition  json.RawMessage `json:"definition"`
}

func messageOf(sn *flag.Snapshot) message {
	m := message{Project: sn.Project, Environment: sn.Environment, Version: sn.Version, ETag: sn.ETag, Bucketing: sn.Bucketing, Clients: []string{}, Definition: sn.Set.Definition()}
	for _, key := range sn.Set.Keys() {
		if sn.Clients[key] {
			m.Clients = append(m.Clients, key)
		}
	}
	return m
}

// snapshot compiles a message.
func (m message) snapshot() (*flag.Snapshot, error) {
	set, problems := eval.Compile(m.Definition, eval.Options{Bucketing: m.Bucketing})
	if set == nil {
		for _, p := range problems {
			if p.Fatal {
				return nil, fmt.Errorf("the flags of %s in %s: %s", m.Project, m.Environment, p.Problem)
			}
		}
		return nil, fmt.Errorf("the flags of %s in %s cannot be read", m.Project, m.Environment)
	}
	set.Pack()
	sn := &flag.Snapshot{Project: m.Project, Environment: m.Environment, Version: m.Version, ETag: m.ETag, Bucketing: m.Bucketing, Set: set, Clients: make(map[string]bool, len(m.Clients))}
	for _, key := range m.Clients {
		sn.Clients[key] = true
	}
	return sn, nil
}

// disk keeps the newest state in a folder, one file a set. A file is written
// whole under another name and then renamed, so that a crash leaves the old or
// the new one.
type disk struct {
	dir  string
	log  *slog.Logger
	wake chan struct{}

	mu    sync.Mutex
	dirty map[setKey]bool
	keys  bool
}

const (
	setSuffix = ".set.json"
	keysFile  = "keys.json"
	// writeAgain is the pause after a failure, e.g. a full disk.
	writeAgain = 10 * time.Second
	maxSetFile = 128 << 20
)

func (d *disk) mark(key setKey) {
	d.mu.Lock()
	d.dirty[key] = true
	d.mu.Unlock()
	d.nudge()
}

func (d *disk) markKeys() {
	d.mu.Lock()
	d.keys = true
	d.mu.Unlock()
	d.nudge()
}

func (d *disk) nudge() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// take returns what is to be written.
func (d *disk) take() (map[setKey]bool, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	dirty, keys := d.dirty, d.keys
	d.dirty, d.keys = map[setKey]bool{}, false
	return dirty, keys
}

// work writes until ctx ends, and once more then.
func (d *disk) work(ctx context.Context, s *Server) {
	for {
		select {
		case <-ctx.Done():
			d.save(context.WithoutCancel(ctx), s)
			return
		case <-d.wake:
			if d.save(ctx, s) {
				continue
			}
			select {
			case <-ctx.Done():
			case <-time.After(writeAgain):
			}
			d.nudge()
		}
	}
}

// save writes what changed; false when something has to be tried again.
func (d *disk) save(ctx context.Context, s *Server) bool {
	dirty, keys := d.take()
	var errs []error
	if keys {
		if err := d.write(keysFile, s.Keys()); err != nil {
			errs = append(errs, err)
			d.mu.Lock()
			d.keys = true
			d.mu.Unlock()
		}
	}
	for key := range dirty {
		if err := d.saveSet(s, key); err != nil {
			errs = append(errs, err)
			d.mu.Lock()
			d.dirty[key] = true
			d.mu.Unlock()
		}
	}
	if len(errs) > 0 {
		d.log.WarnContext(ctx, "keep the flags on disk; it is tried again", "failed", len(errs), "error", errs[0])
	}
	return len(errs) == 0
}

func (d *disk) saveSet(s *Server, key setKey) error {
	e, ok := s.entry(key.project, key.environment)
	if !ok || e.current.Load() == nil {
		err := os.Remove(filepath.Join(d.dir, fileOf(key)))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	return d.write(fileOf(key), messageOf(e.current.Load().sn))
}

// fileOf names the file of a set; names of projects are not names of files.
func fileOf(key setKey) string {
	sum := sha256.Sum256([]byte(key.project + "\x00" + key.environment))
	return hex.EncodeToString(sum[:16]) + setSuffix
}

func (d *disk) write(name string, v any) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(d.dir, ".new-*") // 0600
	if err != nil {
		return err
	}
	_, err = f.Write(raw)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(d.dir, name))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// restore takes what was kept. What cannot be read is left out: the source
// sends it again.
func (s *Server) restore() {
	ctx := context.Background()
	files, err := os.ReadDir(s.disk.dir)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			s.o.Log.WarnContext(ctx, "read the flags kept on disk", "error", err)
		}
		return
	}
	sets := 0
	for _, f := range files {
		name := f.Name()
		if strings.HasPrefix(name, ".new-") { // of a write that was cut off
			_ = os.Remove(filepath.Join(s.disk.dir, name)) // it is only in the way
			continue
		}
		if !strings.HasSuffix(name, setSuffix) {
			continue
		}
		var m message
		err := s.disk.read(name, &m)
		if err == nil {
			var sn *flag.Snapshot
			if sn, err = m.snapshot(); err == nil {
				s.put(sn)
				sets++
				continue
			}
		}
		s.o.Log.WarnContext(ctx, "a set of flags on disk cannot be read and is left out until it is sent again", "file", name, "error", err)
	}
	var keys []Key
	if err := s.disk.read(keysFile, &keys); err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			s.o.Log.WarnContext(ctx, "read the keys kept on disk", "error", err)
		}
		return
	}
	s.keys.Store(newKeyring(keys))
	if sets > 0 {
		s.ready.Store(true)
		s.o.Log.InfoContext(ctx, "flags are served as they were kept on disk", "sets", sets, "keys", len(keys))
	}
}

func (d *disk) read(name string, into any) error {
	path := filepath.Join(d.dir, name)
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Size() > maxSetFile {
		return fmt.Errorf("%s is larger than %d bytes", name, maxSetFile)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}
