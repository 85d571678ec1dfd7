package runtime

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"sphera/internal/fault"
)

// build is one build at work.
type build struct {
	p                *Process
	service, version string
	work             string // own folder of the build, removed at its end
	source, out      string
	log              io.Writer
}

// toolError is a tool that ended with another status than 0.
type toolError struct{ tool, ending, tail string }

func (e *toolError) Error() string { return e.tool + " " + e.ending + ": " + e.tail }

// goEnvironment is what `go env` says about the user that runs the portal: the
// build cache is shared with it, so that the standard library is compiled once.
type goEnvironment struct {
	program  string
	Root     string `json:"GOROOT"`
	Cache    string `json:"GOCACHE"`
	ModCache string `json:"GOMODCACHE"`
	Path     string `json:"GOPATH"`
	Proxy    string `json:"GOPROXY"`
}

// goTools asks go for its settings, once it is there: somebody may install it
// while the portal runs.
func (p *Process) goTools(ctx context.Context) (goEnvironment, error) {
	p.toolsMu.Lock()
	defer p.toolsMu.Unlock()
	if p.tools.program != "" {
		return p.tools, nil
	}
	program, err := lookTool("go", "Go", "https://go.dev/dl")
	if err != nil {
		return goEnvironment{}, err
	}
	// A build that is stopped meanwhile leaves the answer to the next one.
	asking, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(asking, program, "env", "-json", "GOROOT", "GOCACHE", "GOMODCACHE", "GOPATH", "GOPROXY")
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		return goEnvironment{}, fmt.Errorf("ask go for its settings: %w", err)
	}
	var tools goEnvironment
	if err := json.Unmarshal(out, &tools); err != nil {
		return goEnvironment{}, fmt.Errorf("read go's settings: %w", err)
	}
	tools.program = program
	p.tools = tools
	return tools, nil
}

func (b *build) buildGo(ctx context.Context) (string, error) {
	tools, err := b.p.goTools(ctx)
	if err != nil {
		return "", err
	}
	target, err := b.mainPackage()
	if err != nil {
		return "", err
	}
	// With no go.sum there is nothing to fetch, and a build must not try.
	proxy := "off"
	if _, err := os.Stat(filepath.Join(b.source, "go.sum")); err == nil {
		proxy = tools.Proxy
	}
	env := append(b.env(filepath.Dir(tools.program)),
		"GOCACHE="+tools.Cache, "GOMODCACHE="+tools.ModCache, "GOPATH="+tools.Path, "GOPROXY="+proxy,
		"GOENV=off", "GOTOOLCHAIN=local", "GOWORK=off", "GOTELEMETRY=off", "CGO_ENABLED=0")
	args := []string{"build", "-trimpath", "-buildvcs=false", "-mod=readonly", "-ldflags=-s -w", "-o", filepath.Join(b.out, "service"), target}
	if _, err := os.Stat(filepath.Join(b.source, "vendor")); err == nil {
		args = slices.Replace(args, 3, 4, "-mod=vendor")
	}
	for _, dir := range []string{tools.Cache, tools.ModCache} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return "", fmt.Errorf("make the build cache: %w", err)
		}
	}
	can := reach{Read: append(installation(tools.program), tools.Root), Write: []string{b.work, tools.Cache, tools.ModCache}}
	return "service", b.run(ctx, can, env, tools.program, args...)
}

// mainPackage is the root when it has Go files, or the one folder of cmd/.
func (b *build) mainPackage() (string, error) {
	root, err := filepath.Glob(filepath.Join(b.source, "*.go"))
	if err != nil {
		return "", fmt.Errorf("look for Go files: %w", err)
	}
	if len(root) > 0 {
		return ".", nil
	}
	commands, err := filepath.Glob(filepath.Join(b.source, "cmd", "*", "*.go"))
	if err != nil {
		return "", fmt.Errorf("look for Go files: %w", err)
	}
	folders := map[string]bool{}
	for _, c := range commands {
		folders[filepath.Base(filepath.Dir(c))] = true
	}
	if len(folders) == 1 {
		for name := range folders {
			return "./cmd/" + name, nil
		}
	}
	return "", fault.New(fault.Unprocessable, "Sphera cannot tell which program of the repository to build: it needs a main package at the root, or exactly one folder under cmd/.")
}

// packageJSON are the parts of package.json that matter here.
type packageJSON struct {
	Main         string            `json:"main"`
	Dependencies map[string]string `json:"dependencies"`
}

func (b *build) buildNode(ctx context.Context) (string, error) {
	node, err := lookTool("node", "Node.js", "https://nodejs.org")
	if err != nil {
		return "", err
	}
	raw, err := os.ReadFile(filepath.Join(b.source, "package.json"))
	if err != nil {
		return "", fault.New(fault.Unprocessable, "The repository has no package.json at its root.").Wrap(err)
	}
	var pkg packageJSON
	if err := json.Unmarshal(raw, &pkg); err != nil {
		return "", fault.New(fault.Unprocessable, "The file package.json cannot be read: %s.", err.Error())
	}
	if pkg.Main == "" {
		pkg.Main = "index.js"
	}
	pkg.Main = filepath.Clean(pkg.Main)
	if !filepath.IsLocal(pkg.Main) {
		return "", fault.New(fault.Unprocessable, "The main file in package.json is outside the repository: %q.", pkg.Main)
	}
	env, can := b.env(filepath.Dir(node)), reach{Read: installation(node), Write: []string{b.work}}
	if len(pkg.Dependencies) > 0 {
		if err := b.install(ctx, can, env); err != nil {
			return "", err
		}
	}
	if err := b.run(ctx, can, env, node, "--check", pkg.Main); err != nil {
		return "", err
	}
	// The checked sources are the artifact: out must be free for the rename.
	if err := os.Remove(b.out); err != nil {
		return "", fmt.Errorf("make room for the artifact: %w", err)
	}
	if err := os.Rename(b.source, b.out); err != nil {
		return "", fmt.Errorf("take the files over: %w", err)
	}
	fmt.Fprintf(b.log, "%s is in order\n", pkg.Main)
	return pkg.Main, nil
}

// install fetches dependencies exactly as locked, running none of their code.
func (b *build) install(ctx context.Context, can reach, env []string) error {
	npm, err := lookTool("npm", "npm", "https://nodejs.org")
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(b.source, "package-lock.json")); err != nil {
		return fault.New(fault.Unprocessable, "package.json has dependencies and there is no package-lock.json. Run `npm install` in the repository and commit the lock file, so that every build gets the same packages.")
	}
	cache, err := filepath.Abs(filepath.Join(b.p.dir, "cache", "npm"))
	if err != nil {
		return fmt.Errorf("find the cache of npm: %w", err)
	}
	if err := os.MkdirAll(cache, 0o700); err != nil {
		return fmt.Errorf("make the cache of npm: %w", err)
	}
	can.Read = append(can.Read, installation(npm)...)
	can.Write = append(can.Write, cache)
	// A repository can name another git program in its .npmrc: the command
	// line wins over it.
	return b.run(ctx, can, append(env, "npm_config_cache="+cache), npm, "ci", "--git=false", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", "--omit=dev")
}

// env is a build's whole environment; nothing of the portal's own is in it.
func (b *build) env(tools string) []string {
	tmp := filepath.Join(b.work, "tmp")
	return []string{"PATH=" + tools + ":/usr/local/bin:/usr/bin:/bin", "HOME=" + tmp, "TMPDIR=" + tmp, "LANG=C.UTF-8"}
}

// run runs a tool in the source folder, with its group killed when ctx ends.
// The thread stays with the tool, since a child dies with the thread that
// started it.
func (b *build) run(ctx context.Context, can reach, env []string, program string, args ...string) error {
	goruntime.LockOSThread()
	defer goruntime.UnlockOSThread()
	name := filepath.Base(program)
	fmt.Fprintf(b.log, "$ %s %s\n", name, strings.ReplaceAll(strings.Join(args, " "), b.work, "…"))
	out := &buildOutput{to: b.log, tail: newTail(20), hide: b.work}
	cmd := exec.CommandContext(ctx, program, args...)
	if err := b.p.throughLauncher(cmd, buildLimits(), can); err != nil {
		return err
	}
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = b.source, env, out, out
	cmd.SysProcAttr = processGroup()
	cmd.Cancel = func() error { return signalGroup(cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 2 * time.Second
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	if err := limit(cmd.Process.Pid, buildLimits()); err != nil {
		b.p.logger.WarnContext(ctx, "a build runs without all of its limits", "service", b.service, "error", err)
	}
	err := cmd.Wait()
	out.end()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s was stopped: %w", name, context.Cause(ctx))
	case errors.As(err, &exit):
		return &toolError{tool: name, ending: fmt.Sprintf("ended with status %d", exit.ExitCode()), tail: out.tail.String()}
	case err != nil:
		return fmt.Errorf("run %s: %w", name, err)
	}
	return nil
}

// maxBuildOutput bounds what one tool may write into the log of a run.
const maxBuildOutput = 1 << 20

// buildOutput passes whole lines on, up to a limit, and keeps the last ones.
type buildOutput struct {
	mu      sync.Mutex
	to      io.Writer
	tail    *tail
	hide    string
	part    []byte
	written int
}

func (o *buildOutput) Write(raw []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.part = append(o.part, raw...)
	for {
		i := bytes.IndexByte(o.part, '\n')
		if i < 0 && len(o.part) < maxLine {
			return len(raw), nil
		}
		if i < 0 {
			i = len(o.part) - 1
		}
		o.line(o.part[:i])
		o.part = o.part[i+1:]
	}
}

func (o *buildOutput) line(raw []byte) {
	text := strings.ReplaceAll(cleanLine(raw), o.hide, "…")
	o.tail.add(text)
	if o.written > maxBuildOutput {
		return
	}
	if o.written += len(text) + 1; o.written > maxBuildOutput {
		text = "the rest of the output is left out"
	}
	fmt.Fprintln(o.to, text)
}

func (o *buildOutput) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.part) > 0 {
		o.line(o.part)
		o.part = nil
	}
}
