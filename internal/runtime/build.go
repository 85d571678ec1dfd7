package runtime

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"sphera/internal/fault"
	"sphera/internal/forge"

	"github.com/google/uuid"
)

// Limits of what is unpacked for a build.
const (
	maxBuildFiles = 10_000
	maxBuildBytes = 256 << 20
	// keptArtifacts is how many versions of a service are kept on disk besides
	// those that are wished for.
	keptArtifacts = 10
)

var variablePattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)

// artifactMeta is kept as artifact.json beside the artifact's files; it is
// written last, so an artifact that has it is whole.
type artifactMeta struct {
	Language string    `json:"language"`
	Main     string    `json:"main"` // path under files/
	BuiltAt  time.Time `json:"builtAt"`
}

// Build makes the artifact of a version in a folder of its own and puts it in
// place by one rename: there is a whole artifact or none.
func (p *Process) Build(ctx context.Context, in BuildRequest, log io.Writer) (Artifact, error) {
	if err := checkVersion(in.Service, in.Version); err != nil {
		return Artifact{}, err
	}
	dir := p.artifactDir(in.Service, in.Version)
	if meta, err := readMeta(dir); err == nil {
		return Artifact{Service: in.Service, Version: in.Version, Language: meta.Language, Reused: true}, nil
	}
	if log == nil {
		log = io.Discard
	}
	select {
	case p.building <- struct{}{}:
		defer func() { <-p.building }()
	case <-ctx.Done():
		return Artifact{}, fmt.Errorf("wait for other builds: %w", ctx.Err())
	}
	ctx, cancel := context.WithTimeout(ctx, p.o.BuildTimeout)
	defer cancel()
	meta, err := p.buildInto(ctx, dir, in, log)
	if err != nil {
		return Artifact{}, p.buildFault(in, err)
	}
	if err := p.prune(ctx, in.Service, in.Version); err != nil {
		p.logger.WarnContext(ctx, "old artifacts could not be removed", "service", in.Service, "error", err)
	}
	return Artifact{Service: in.Service, Version: in.Version, Language: meta.Language}, nil
}

// Warm builds files and throws the result away, so that the compiler's cache
// has the standard library when the first service is built. It is for the time
// after the start of the portal; with a warm cache it costs a second.
func (p *Process) Warm(ctx context.Context, files []forge.File) error {
	const service, version = "warm-up", "v0"
	dir := p.artifactDir(service, version)
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("warm the build cache: %w", err)
	}
	if _, err := p.Build(ctx, BuildRequest{Service: service, Language: Go, Version: version, Files: files}, nil); err != nil {
		return fmt.Errorf("warm the build cache: %w", err)
	}
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("warm the build cache: %w", err)
	}
	return nil
}

func (p *Process) buildInto(ctx context.Context, dir string, in BuildRequest, log io.Writer) (meta artifactMeta, err error) {
	work, err := filepath.Abs(filepath.Join(p.dir, "builds", in.Service+"-"+uuid.NewString()))
	if err != nil {
		return meta, fmt.Errorf("find the build folder: %w", err)
	}
	out := filepath.Join(work, "out")
	for _, d := range []string{filepath.Join(work, "source"), filepath.Join(work, "tmp"), filepath.Join(out, "files")} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return meta, fmt.Errorf("make the build folder: %w", err)
		}
	}
	defer func() {
		if removeErr := os.RemoveAll(work); removeErr != nil {
			p.logger.WarnContext(ctx, "a build folder could not be removed", "folder", work, "error", removeErr)
		}
	}()
	if err := unpack(filepath.Join(work, "source"), in.Files); err != nil {
		return meta, err
	}
	b := build{p: p, service: in.Service, version: in.Version, work: work, source: filepath.Join(work, "source"), out: filepath.Join(out, "files"), log: log}
	meta.Language, err = languageOf(in)
	if err != nil {
		return meta, err
	}
	if meta.Language == Go {
		meta.Main, err = b.buildGo(ctx)
	} else {
		meta.Main, err = b.buildNode(ctx)
	}
	if err != nil {
		return meta, err
	}
	meta.BuiltAt = p.o.Now().UTC()
	if err := writeMeta(out, meta); err != nil {
		return meta, err
	}
	return meta, putInPlace(out, dir)
}

// putInPlace moves a whole artifact to where it belongs. When another build of the
// same version was quicker, its artifact stays.
func putInPlace(out, dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return fmt.Errorf("make the folder of the artifacts: %w", err)
	}
	err := os.Rename(out, dir)
	if err == nil {
		return nil
	}
	if _, metaErr := readMeta(dir); metaErr == nil {
		return nil
	}
	return fmt.Errorf("put the artifact in place: %w", err)
}

func languageOf(in BuildRequest) (string, error) {
	has := func(name string) bool {
		return slices.ContainsFunc(in.Files, func(f forge.File) bool { return f.Path == name })
	}
	switch {
	case in.Language == Go || in.Language == "" && has("go.mod"):
		return Go, nil
	case in.Language == Node || in.Language == "" && has("package.json"):
		return Node, nil
	case in.Language == "":
		return "", fault.New(fault.Unprocessable, "The repository has neither a go.mod nor a package.json at its root, so Sphera cannot tell how to build it.")
	}
	return "", fault.Field("language", "cannot be built here: "+in.Language, "go or node")
}

// unpack writes files below dir and nowhere else.
func unpack(dir string, files []forge.File) error {
	if len(files) > maxBuildFiles {
		return fault.New(fault.TooLarge, "The repository has %d files; at most %d can be built.", len(files), maxBuildFiles)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("open the build folder: %w", err)
	}
	defer root.Close()
	total := 0
	for _, f := range files {
		if !filepath.IsLocal(f.Path) || strings.ContainsAny(f.Path, "\\\x00") {
			return fault.New(fault.Unprocessable, "The repository has a file with a name that cannot be unpacked: %q.", f.Path)
		}
		if f.Truncated {
			return fault.New(fault.TooLarge, "The file %s is too large to be built.", f.Path)
		}
		if total += len(f.Content); total > maxBuildBytes {
			return fault.New(fault.TooLarge, "The repository is larger than %d MiB, which is the most that can be built.", maxBuildBytes>>20)
		}
		if parent := filepath.Dir(f.Path); parent != "." {
			if err := root.MkdirAll(parent, 0o700); err != nil {
				return fmt.Errorf("unpack %s: %w", f.Path, err)
			}
		}
		mode := os.FileMode(0o600)
		if f.Executable {
			mode = 0o700
		}
		if err := root.WriteFile(f.Path, f.Content, mode); err != nil {
			return fmt.Errorf("unpack %s: %w", f.Path, err)
		}
	}
	return nil
}

// buildFault gives the causes a person can act on their own words.
func (p *Process) buildFault(in BuildRequest, err error) error {
	if f, ok := fault.As(err); ok && f.Code != fault.Internal {
		return err
	}
	var failed *toolError
	switch {
	case errors.Is(err, syscall.ENOSPC) || errors.As(err, &failed) && strings.Contains(failed.tail, "no space left on device"):
		return fault.New(fault.StorageFull, "The disk of the machine that runs Sphera is full, so %s could not be built. Free some space there and retry the step.", in.Service).Wrap(err)
	case errors.Is(err, context.DeadlineExceeded):
		return fault.New(fault.Unprocessable, "The build of %s took longer than %s and was stopped.", in.Service, p.o.BuildTimeout).Wrap(err)
	case errors.As(err, &failed):
		return fault.New(fault.Unprocessable, "The build of %s failed: %s %s. Its last lines:\n%s", in.Service, failed.tool, failed.ending, failed.tail).Wrap(err)
	}
	return fmt.Errorf("build %s: %w", in.Service, err)
}

func readMeta(dir string) (artifactMeta, error) {
	var m artifactMeta
	raw, err := os.ReadFile(filepath.Join(dir, "artifact.json"))
	if err != nil {
		return m, fmt.Errorf("read the artifact: %w", err)
	}
	if err := json.Unmarshal(raw, &m); err != nil {
		return m, fmt.Errorf("read the artifact %s: %w", dir, err)
	}
	if !filepath.IsLocal(m.Main) {
		return m, fmt.Errorf("the artifact %s names a program outside itself", dir)
	}
	return m, nil
}

// writeMeta flushes to disk before the rename makes the artifact visible.
func writeMeta(dir string, m artifactMeta) error {
	raw, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("describe the artifact: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "artifact.json"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("describe the artifact: %w", err)
	}
	_, err = f.Write(raw)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("describe the artifact: %w", err)
	}
	return nil
}

// prune removes the oldest artifacts of a service beyond keptArtifacts, never
// one that is wished for or serving somewhere.
func (p *Process) prune(ctx context.Context, service, keep string) error {
	parent := filepath.Join(p.dir, "artifacts", service)
	entries, err := os.ReadDir(parent)
	if err != nil || len(entries) <= keptArtifacts {
		return err
	}
	used := map[string]bool{keep: true}
	instances, err := p.Instances(ctx, service)
	if err != nil {
		return err
	}
	for _, i := range instances {
		used[i.Version], used[i.Desired] = true, true
	}
	type aged struct {
		name string
		at   time.Time
	}
	var all []aged
	for _, e := range entries {
		if meta, err := readMeta(filepath.Join(parent, e.Name())); err == nil && !used[e.Name()] {
			all = append(all, aged{e.Name(), meta.BuiltAt})
		}
	}
	slices.SortFunc(all, func(a, b aged) int { return b.at.Compare(a.at) })
	for i := keptArtifacts - 1; i < len(all); i++ {
		if err := os.RemoveAll(filepath.Join(parent, all[i].name)); err != nil {
			return fmt.Errorf("remove an old artifact: %w", err)
		}
	}
	return nil
}
