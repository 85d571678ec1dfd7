package oidc

import (
	"net/url"
	"strings"
)

// LocalPath is path when it is a page of this portal, and "/" otherwise. What
// browsers take for another host's address is no page: "//host", "/\host", and
// the same with characters in between that they leave out.
func LocalPath(path string) string {
	if len(path) > 2000 || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") {
		return "/"
	}
	for _, c := range []byte(path) {
		if c <= ' ' || c == '\\' || c == 0x7f {
			return "/"
		}
	}
	u, err := url.Parse(path)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || strings.HasPrefix(u.Path, "//") || strings.ContainsAny(u.Path, "\\\t\r\n") {
		return "/"
	}
	return path
}
