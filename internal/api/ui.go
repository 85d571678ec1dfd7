package api

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// dist is the built user interface. In a checkout where it was not built there
// is only the placeholder, so that Go builds and tests need no Node.
//
//go:embed all:dist
var dist embed.FS

// ui serves the single-page interface.
type ui struct {
	files fs.FS
	index []byte
}

func newUI() (*ui, error) {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		return nil, fmt.Errorf("open the user interface: %w", err)
	}
	index, err := fs.ReadFile(files, "index.html")
	if err != nil {
		if index, err = fs.ReadFile(files, "placeholder.html"); err != nil {
			return nil, fmt.Errorf("open the user interface: %w", err)
		}
	}
	return &ui{files: files, index: index}, nil
}

// ServeHTTP answers with the file of that name, or with the page, whose script
// shows what the path stands for. Below /assets a missing file is 404: an old
// tab that asks for a script of a former version must not get HTML.
func (u *ui) serve(w http.ResponseWriter, r *http.Request, nonce string) bool {
	name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
	if name != "" && name != "index.html" && name != "placeholder.html" && !strings.HasPrefix(name, ".") {
		if u.file(w, r, name) {
			return true
		}
	}
	if strings.HasPrefix(name, "assets/") {
		return false
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", pagePolicy(nonce))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		w.Write(bytes.ReplaceAll(u.index, []byte("__NONCE__"), []byte(nonce))) //nolint:errcheck // the client went away
	}
	return true
}

func (u *ui) file(w http.ResponseWriter, r *http.Request, name string) bool {
	info, err := fs.Stat(u.files, name)
	if err != nil || info.IsDir() {
		return false
	}
	h := w.Header()
	served := name
	for _, packed := range [][2]string{{"br", ".br"}, {"gzip", ".gz"}} {
		if accepts(r, packed[0]) {
			if _, err := fs.Stat(u.files, name+packed[1]); err == nil {
				served = name + packed[1]
				h.Set("Content-Encoding", packed[0])
				break
			}
		}
	}
	content, err := fs.ReadFile(u.files, served)
	if err != nil {
		return false
	}
	h.Set("Content-Type", kindOf(name))
	h.Add("Vary", "Accept-Encoding")
	if strings.HasPrefix(name, "assets/") {
		h.Set("Cache-Control", "public, max-age=31536000, immutable") // the name has a hash of the content
	} else {
		h.Set("Cache-Control", "no-cache")
	}
	h.Set("Content-Length", fmt.Sprint(len(content)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		w.Write(content) //nolint:errcheck // embedded files only; the client went away
	}
	return true
}

// kindOf is the type of a file by its name; the system's own table differs from
// machine to machine.
func kindOf(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".png":
		return "image/png"
	case ".woff2":
		return "font/woff2"
	case ".json", ".map":
		return "application/json"
	default:
		return "application/octet-stream"
	}
}

// accepts reports whether the client takes an encoding; "br;q=0" refuses it.
func accepts(r *http.Request, encoding string) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.TrimSpace(name) == encoding {
			return strings.ReplaceAll(q, " ", "") != "q=0"
		}
	}
	return false
}
