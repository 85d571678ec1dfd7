package runtime_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sphera/internal/fault"
	"sphera/internal/forge"
	"sphera/internal/runtime"
	"sphera/internal/runtime/runtimetest"
	"sphera/internal/store/storetest"
)

func goSource(main string) []forge.File {
	return []forge.File{
		{Path: "go.mod", Content: []byte("module sample.test/it\n\ngo 1.24\n")},
		{Path: "cmd/it/main.go", Content: []byte(main)},
	}
}

func TestGoBuild(t *testing.T) {
	p := newProcess(t, storetest.Open(t, storetest.SQLite(t)), t.TempDir(), runtime.ProcessOptions{})
	var log bytes.Buffer
	a, err := p.Build(t.Context(), runtime.BuildRequest{Service: "sample", Version: "v1", Files: goSource("package main\n\nfunc main() {}\n")}, &log)
	if err != nil || a.Language != runtime.Go {
		t.Fatalf("%+v %v\n%s", a, err, log.String())
	}
	if !strings.Contains(log.String(), "$ go build") || strings.Contains(log.String(), "/tmp/") {
		t.Errorf("log: %s", log.String())
	}
	if err := p.Warm(t.Context(), goSource("package main\n\nfunc main() {}\n")); err != nil {
		t.Errorf("warm: %v", err)
	}
	_, err = p.Build(t.Context(), runtime.BuildRequest{Service: "sample", Version: "v2", Files: goSource("package main\n\nfunc main() { undefined() }\n")}, nil)
	if !fault.Is(err, fault.Unprocessable) || !strings.Contains(err.Error(), "undefined: undefined") {
		t.Errorf("a program that does not compile: %v", err)
	}
	_, err = p.Build(t.Context(), runtime.BuildRequest{Service: "sample", Version: "v3", Files: goSource("package main\n\nimport _ \"example.com/not/there\"\n\nfunc main() {}\n")}, nil)
	if !fault.Is(err, fault.Unprocessable) {
		t.Errorf("a dependency without go.sum: %v", err)
	}
}

// Builds of the same version at the same time, by two replicas, end with one
// whole artifact.
func TestParallelBuilds(t *testing.T) {
	db, dir := storetest.Open(t, storetest.SQLite(t)), t.TempDir()
	var group sync.WaitGroup
	for i := range 6 {
		p := newProcess(t, db, dir, runtime.ProcessOptions{Instance: fmt.Sprint(i)})
		group.Go(func() {
			if _, err := p.Build(t.Context(), runtime.BuildRequest{Service: "sample", Version: "v1", Files: runtimetest.Source("one", "")}, nil); err != nil {
				t.Errorf("build: %v", err)
			}
		})
	}
	group.Wait()
	left, err := filepath.Glob(filepath.Join(dir, "builds", "*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left in the build folder: %v %v", left, err)
	}
}

func TestBuildIsStopped(t *testing.T) {
	p := newProcess(t, storetest.Open(t, storetest.SQLite(t)), t.TempDir(), runtime.ProcessOptions{BuildTimeout: time.Millisecond})
	in := runtime.BuildRequest{Service: "sample", Version: "v1", Files: goSource("package main\n\nfunc main() {}\n")}
	if _, err := p.Build(t.Context(), in, nil); !fault.Is(err, fault.Unprocessable) || !strings.Contains(err.Error(), "took longer than 1ms") {
		t.Errorf("a slow build: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Build(ctx, in, nil); err == nil {
		t.Error("a cancelled build went on")
	}
}

func TestMissingTool(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	p := newProcess(t, storetest.Open(t, storetest.SQLite(t)), t.TempDir(), runtime.ProcessOptions{})
	for language, want := range map[string]string{runtime.Go: "Go is not installed", runtime.Node: "Node.js is not installed"} {
		_, err := p.Build(t.Context(), runtime.BuildRequest{Service: "sample", Language: language, Version: "v1", Files: append(goSource(""), runtimetest.Source("", "")...)}, nil)
		if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", language, err)
		}
	}
}

func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("a small disk cannot be made here (needs root): %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	p := newProcess(t, storetest.Open(t, storetest.SQLite(t)), dir, runtime.ProcessOptions{})
	files := append(runtimetest.Source("one", ""), forge.File{Path: "large", Content: bytes.Repeat([]byte("x"), 1<<20)})
	_, err := p.Build(t.Context(), runtime.BuildRequest{Service: "sample", Version: "v1", Files: files}, nil)
	if !fault.Is(err, fault.StorageFull) {
		t.Errorf("unpacking to a full disk: %v", err)
	}
	_, err = p.Build(t.Context(), runtime.BuildRequest{Service: "sample", Version: "v2", Files: goSource("package main\n\nimport \"net/http\"\n\nfunc main() { http.ListenAndServe(\"\", nil) }\n")}, nil)
	if !fault.Is(err, fault.StorageFull) {
		t.Errorf("building on a full disk: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*", "*", "*")); err != nil || len(left) != 0 {
		t.Errorf("something half-made is left: %v %v", left, err)
	}
	if _, err := p.Build(t.Context(), runtime.BuildRequest{Service: "sample", Version: "v1", Files: runtimetest.Source("one", "")}, nil); err != nil {
		t.Errorf("retry with room again: %v", err)
	}
}

func TestOldArtifactsAreRemoved(t *testing.T) {
	dir := t.TempDir()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	p := newProcess(t, storetest.Open(t, storetest.SQLite(t)), dir, runtime.ProcessOptions{Now: func() time.Time { now = now.Add(time.Minute); return now }})
	build := func(version string) {
		t.Helper()
		if _, err := p.Build(t.Context(), runtime.BuildRequest{Service: "sample", Version: version, Files: runtimetest.Source("", "")}, nil); err != nil {
			t.Fatal(err)
		}
	}
	build("v0")
	if _, err := p.Deploy(t.Context(), runtime.DeployRequest{Service: "sample", Environment: env, Version: "v0"}); err != nil {
		t.Fatal(err)
	}
	for i := 1; i <= 13; i++ {
		build(fmt.Sprintf("v%d", i))
	}
	for version, want := range map[string]bool{"v0": true, "v1": false, "v3": false, "v4": true, "v13": true} {
		if _, err := os.Stat(filepath.Join(dir, "artifacts", "sample", version)); (err == nil) != want {
			t.Errorf("%s is there: %t, want %t", version, err == nil, want)
		}
	}
}
