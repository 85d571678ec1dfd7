package runtime

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// starter starts processes on one operating system thread that lives as long
// as the supervisor. A child gets SIGKILL when the thread that started it
// ends, and Go ends threads at will, so it must not be just any.
type starter struct{ requests chan startRequest }

type startRequest struct {
	cmd  *exec.Cmd
	done chan error
}

func newStarter() *starter {
	s := &starter{requests: make(chan startRequest)}
	go func() {
		goruntime.LockOSThread() // never unlocked: the thread ends with the goroutine
		for r := range s.requests {
			r.done <- r.cmd.Start()
		}
	}()
	return s
}

func (s *starter) start(cmd *exec.Cmd) error {
	r := startRequest{cmd: cmd, done: make(chan error, 1)}
	s.requests <- r
	return <-r.done
}

// close ends the thread; children that still run are killed.
func (s *starter) close() { close(s.requests) }

// child is one running process of a service.
type child struct {
	spec    spec
	port    int
	pid     int
	cmd     *exec.Cmd
	started time.Time
	stop    time.Duration
	// exited is closed after the process ended and its output was read.
	exited chan struct{}
	err    error // set before exited is closed
	ready  atomic.Bool
	was    atomic.Bool // ever ready
	tail   *tail
	answer atomic.Value // string: what the readiness check said last
	probe  context.CancelFunc
}

func (c *child) ended() bool {
	select {
	case <-c.exited:
		return true
	default:
		return false
	}
}

// startChild starts a version on a free port. changed is called when it
// becomes ready or unready, and when it has ended.
func (p *Process) startChild(s *starter, k place, d spec, changed func()) (*child, error) {
	cmd, err := p.command(k, d)
	if err != nil {
		return nil, err
	}
	port, err := p.o.FreePort()
	if err != nil {
		return nil, fmt.Errorf("find a free port: %w", err)
	}
	cmd.Env = append(cmd.Env, "PORT="+strconv.Itoa(port))
	c := &child{spec: d, port: port, cmd: cmd, started: p.o.Now(), stop: p.o.StopTimeout, exited: make(chan struct{}), tail: newTail(20)}
	outR, outW, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	errR, errW, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make a pipe: %w", err), outR.Close(), outW.Close())
	}
	cmd.Stdout, cmd.Stderr = outW, errW
	err = s.start(cmd)
	closed := errors.Join(outW.Close(), errW.Close())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start %s: %w", cmd.Path, err), closed, outR.Close(), errR.Close())
	}
	c.pid = cmd.Process.Pid
	if err := errors.Join(limit(c.pid, serviceLimits()), preferAsVictim(c.pid)); err != nil {
		p.logger.Warn("a service runs without all of its limits", "service", k.service, "environment", k.environment, "error", err)
	}
	var reading sync.WaitGroup
	for stream, pipe := range map[string]*os.File{"stdout": outR, "stderr": errR} {
		reading.Go(func() { p.readOutput(k, c, stream, pipe) })
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.probe = cancel
	go func() {
		c.err = cmd.Wait()
		cancel()
		p.afterExit(k, c, outR, errR)
		reading.Wait()
		close(c.exited)
		changed()
	}()
	go p.watchReadiness(ctx, c, changed)
	return c, nil
}

// afterExit ends what the process left behind, so that its output ends too; a
// descendant that left the group and keeps the pipe is not listened to longer.
func (p *Process) afterExit(k place, c *child, pipes ...*os.File) {
	if err := signalGroup(c.pid, syscall.SIGKILL); err != nil {
		p.logger.Warn("could not end the rest of a process group", "service", k.service, "error", err)
	}
	time.AfterFunc(time.Second, func() {
		for _, pipe := range pipes {
			if err := pipe.SetReadDeadline(time.Unix(1, 0)); err != nil && !errors.Is(err, os.ErrClosed) {
				p.logger.Debug("no deadline on a pipe", "error", err)
			}
		}
	})
}

// command prepares the process without its port.
func (p *Process) command(k place, d spec) (*exec.Cmd, error) {
	dir := p.artifactDir(k.service, d.version)
	meta, err := readMeta(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("the version %s is not on this machine any more: build and deploy it again", short(d.version))
	}
	if err != nil {
		return nil, err
	}
	work, err := filepath.Abs(p.workDir(k))
	if err != nil {
		return nil, fmt.Errorf("find the working folder: %w", err)
	}
	if err := os.MkdirAll(filepath.Join(work, "tmp"), 0o700); err != nil {
		return nil, fmt.Errorf("make the working folder: %w", err)
	}
	files, err := filepath.Abs(filepath.Join(dir, "files"))
	if err != nil {
		return nil, fmt.Errorf("find the artifact: %w", err)
	}
	main := filepath.Join(files, meta.Main)
	path := "/usr/local/bin:/usr/bin:/bin"
	// It outlives every request and is stopped by shutdown only.
	forever := context.Background()
	cmd, can := exec.CommandContext(forever, main), reach{Read: []string{files}, Write: []string{work}}
	if meta.Language == Node {
		node, err := lookTool("node", "Node.js", "https://nodejs.org")
		if err != nil {
			return nil, err
		}
		path = filepath.Dir(node) + ":" + path
		cmd = exec.CommandContext(forever, node, main)
		can.Read = append(can.Read, installation(node)...)
	}
	if err := p.throughLauncher(cmd, serviceLimits(), can); err != nil {
		return nil, err
	}
	cmd.Dir = work
	cmd.SysProcAttr = processGroup()
	cmd.Env = p.serviceEnv(k, d, work, path)
	return cmd, nil
}

// serviceEnv is the whole environment of a service: nothing of the portal's.
func (p *Process) serviceEnv(k place, d spec, work, path string) []string {
	vars := map[string]string{}
	if p.o.ServiceEnv != nil {
		maps.Copy(vars, p.o.ServiceEnv(k.service, k.environment))
	}
	maps.Copy(vars, d.env)
	maps.Copy(vars, map[string]string{
		"PATH": path, "HOME": work, "TMPDIR": filepath.Join(work, "tmp"), "LANG": "C.UTF-8", "NODE_ENV": "production",
		"HOST": "127.0.0.1", "SERVICE_NAME": k.service, "SERVICE_VERSION": d.version, "SPHERA_ENVIRONMENT": k.environment,
		"BASE_PATH": strings.TrimSuffix(Address(k.service, k.environment), "/"),
	})
	delete(vars, "PORT")
	env := make([]string, 0, len(vars)+1)
	for name, value := range vars {
		env = append(env, name+"="+value)
	}
	return env
}

// shutdown asks the process to end, and makes it end after the time to stop.
func (c *child) shutdown() error {
	c.probe()
	err := signalGroup(c.pid, syscall.SIGTERM)
	if c.ended() {
		return nil
	}
	timer := time.NewTimer(c.stop)
	defer timer.Stop()
	select {
	case <-c.exited:
		return err
	case <-timer.C:
	}
	err = errors.Join(err, signalGroup(c.pid, syscall.SIGKILL))
	<-c.exited
	return err
}

// maxLine bounds one log line; the rest of a longer one is a line of its own.
const maxLine = 8 << 10

func (p *Process) readOutput(k place, c *child, stream string, pipe io.ReadCloser) {
	defer pipe.Close()
	in := bufio.NewReaderSize(pipe, maxLine)
	for {
		raw, err := in.ReadSlice('\n')
		if text := cleanLine(raw); text != "" || len(raw) > 0 {
			c.tail.add(text)
			p.logs.add(k, LogLine{At: p.o.Now(), Stream: stream, Text: text})
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return
		}
	}
}

// cleanLine makes a line that every database and page can hold.
func cleanLine(raw []byte) string {
	text := strings.ToValidUTF8(strings.TrimRight(string(raw), "\r\n"), "\uFFFD")
	return strings.ReplaceAll(text, "\x00", "\uFFFD")
}

// watchReadiness asks /readyz, often at first and every two seconds later.
func (p *Process) watchReadiness(ctx context.Context, c *child, changed func()) {
	const first, settled = 25 * time.Millisecond, 2 * time.Second
	wait, failures := first, 0
	for {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		ok, said := p.askReady(ctx, c)
		c.answer.Store(said)
		if ctx.Err() != nil {
			return
		}
		switch {
		case ok:
			failures = 0
			wait = settled
			if !c.ready.Swap(true) {
				c.was.Store(true)
				changed()
			}
		case c.ready.Load():
			// One lost answer of a busy service is no reason to call it unready.
			if failures++; failures >= 2 {
				c.ready.Store(false)
				wait = 250 * time.Millisecond
				changed()
			}
		default:
			wait = min(wait*5/4, settled)
		}
	}
}

func (p *Process) askReady(ctx context.Context, c *child) (bool, string) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:"+strconv.Itoa(c.port)+"/readyz", nil)
	if err != nil {
		return false, err.Error()
	}
	res, err := p.probes.Do(req)
	if err != nil {
		return false, "no answer on port " + strconv.Itoa(c.port)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, 200))
	if err != nil {
		return false, "an answer that was cut off"
	}
	said := res.Status + " " + strings.TrimSpace(cleanLine(body))
	if res.StatusCode != http.StatusOK {
		return false, said
	}
	if !c.was.Load() && !listens(c.pid, c.port) {
		return false, fmt.Sprintf("another process answers on port %d", c.port)
	}
	return true, said
}

// portTaken reports whether the process ended because its port was in use.
func (c *child) portTaken() bool {
	text := strings.ToLower(c.tail.String())
	return !c.was.Load() && (strings.Contains(text, "address already in use") || strings.Contains(text, "eaddrinuse"))
}

// ending says how the process ended.
func (c *child) ending() string {
	var exit *exec.ExitError
	switch {
	case c.err == nil:
		return "ended by itself with status 0"
	case errors.As(c.err, &exit):
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return "was ended by the signal " + status.Signal().String()
		}
		return fmt.Sprintf("ended with status %d", exit.ExitCode())
	default:
		return "ended: " + c.err.Error()
	}
}

func freePort() (int, error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}

// tail keeps the last lines in memory, for error messages.
type tail struct {
	mu    sync.Mutex
	lines []string
	max   int
}

func newTail(n int) *tail { return &tail{max: n} }

func (t *tail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(line) > 500 {
		line = strings.ToValidUTF8(line[:500], "") + "…"
	}
	t.lines = append(t.lines, line)
	if len(t.lines) > t.max {
		t.lines = t.lines[len(t.lines)-t.max:]
	}
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, "\n")
}
