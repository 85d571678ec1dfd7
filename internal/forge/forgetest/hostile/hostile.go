// Package hostile lists names and paths that every forge must refuse. It is
// imported by tests only.
package hostile

import "strings"

// Names are names of repositories and refs that must be refused
// wherever a name is taken.
func Names() []string {
	names := []string{
		"-", "--", "-x", "--upload-pack=touch /tmp/pwned", "--output=/tmp/x", "-c core.sshCommand=id", "--exec=id", "--git-dir=/etc", "--help", "-n1", "--all",
		".", "..", "...", "../x", "a/../b", "a/..", "../../etc/passwd", "a..b", "main..work", "main...work", "./a", "a/./b", "a/.", ".hidden", "a/.hidden", ".git", "a/.git", ".GIT",
		"/", "/a", "//a", "a/", "a//b", "/etc/passwd", `\\server\share`, `a\b`, `C:\x`, "C:", "c:/x",
		"a.lock", "a/b.lock", "a.LOCK", "a.lock/b", "a.git", "a.git/b", "a.GIT", "HEAD.lock",
		"@", "@{", "a@{1}", "main@{upstream}", "@{-1}", "HEAD@{0}", "a@b", "user@host:repo", "ext::sh -c id", "file:///etc", "https://example.com/x", "ssh://-oProxyCommand=id/x", "git@host:x",
		"a b", " a", "a ", "a\tb", "a\nb", "a\rb", "a\x00b", "a\x00", "\x00", "a\x7fb", "a\x1bb", "a\u202eb", "a\u200bb", "ä", "日本", "a\xffb", "\xc0\xae\xc0\xae",
		"a~1", "a^", "a^{commit}", "^main", "a:b", "main:README.md", ":/fix", ":(top)x", "a?", "a*", "a[b", "a]b", "*", "**", "[a-z]",
		"$(id)", "`id`", "a;id", "a|id", "a&id", "a>x", "a<x", "$HOME", "${IFS}", "a'b", `a"b`, "a#b", "a%00b", "%2e%2e", "a%2fb", "a+b", "a=b", "a,b", "a!b", "{a,b}", "(a)", "~root",
		"a.", "a./b", "", "\n", strings.Repeat("a", 300), strings.Repeat("a/", 150) + "b",
	}
	return names
}

// Paths are paths of files that must be refused.
func Paths() []string {
	return []string{
		"", ".", "..", "/", "/etc/passwd", "../x", "a/../x", "a/..", "./a", "a/./b", "a//b", "a/", "//x",
		".git", ".git/config", "a/.git/hooks/post-checkout", ".GIT/config", ".Git/x", ".gIt", ".git.", ".git ", ".git. .", ".git/", ".git::$INDEX_ALLOCATION/config", ".git:x",
		"git~1", "GIT~1/config", "git~2", "a/git~1", ".g\u200cit/config", ".\u200dgit", ".gi\ufefft/x", "\u202e.git",
		`a\b`, `..\x`, `.git\config`, `C:\x`, "a\x00b", "a\nb", "a\rb", "a\tb", "a\x7f", "a\x1b[31m", "a\u0085b", "a\xff", strings.Repeat("a", 2000), strings.Repeat("a", 250) + "/b",
	}
}
