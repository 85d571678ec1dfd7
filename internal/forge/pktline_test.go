package forge

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

func TestReadCommands(t *testing.T) {
	a, z := strings.Repeat("a", 40), zeroSHA
	good := string(pkt("shallow "+a)) + string(pkt(z+" "+a+" refs/heads/x\x00 report-status side-band-64k agent=git/2")) + string(pkt(a+" "+z+" refs/heads/y\n")) + "0000PACK"
	c, err := readCommands(strings.NewReader(good))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.list) != 2 || c.list[0] != (command{z, a, "refs/heads/x"}) || !c.list[1].deletes() || !c.sideband() || !c.can("report-status") {
		t.Fatalf("read %+v", c)
	}
	if c, err := readCommands(strings.NewReader("0000")); err != nil || len(c.list) != 0 {
		t.Fatalf("empty list: %+v, %v", c, err)
	}
	for what, in := range map[string]string{
		"nothing":           "",
		"no flush":          string(pkt(z + " " + a + " refs/heads/x")),
		"bad length":        "zzzz",
		"length 1":          "0001",
		"delimiter":         "0001" + "0000",
		"cut short":         "0040abc",
		"a certificate":     string(pkt("push-cert\x00x")) + "0000",
		"not hexadecimal":   string(pkt(strings.Repeat("g", 40)+" "+a+" refs/heads/x")) + "0000",
		"no name":           string(pkt(z+" "+a+" ")) + "0000",
		"control character": string(pkt(z+" "+a+" refs/heads/x\x1b[31m\x00report-status")) + "0000",
		"too many":          strings.Repeat(string(pkt(z+" "+a+" refs/heads/x")), maxCommands+1) + "0000",
	} {
		if _, err := readCommands(strings.NewReader(in)); err == nil {
			t.Errorf("%s was accepted", what)
		}
	}
}

func TestReport(t *testing.T) {
	c := commands{list: []command{{zeroSHA, strings.Repeat("a", 40), "refs/heads/x"}}, capabilities: []string{"report-status", "side-band-64k"}}
	out := c.report("ok", map[string]string{"refs/heads/x": "no"}, strings.Repeat("m", 70000))
	r := bytes.NewReader(out)
	text := map[byte]string{}
	for {
		line, flush, err := readPkt(r)
		if err != nil {
			t.Fatal(err)
		}
		if flush {
			break
		}
		text[line[0]] += string(line[1:])
	}
	if len(text[2]) != 70000 || !strings.Contains(text[1], "ng refs/heads/x no\n") || !strings.HasSuffix(text[1], "0000") {
		t.Fatalf("report %q", text[1])
	}
	if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
		t.Fatalf("after the report: %q, %v", rest, err)
	}
	if got := string(withMessage([]byte("abc0000"), "hi")); got != "abc0007\x02hi0000" {
		t.Fatalf("with a message: %q", got)
	}
	if got := string(withMessage([]byte("abc"), "hi")); got != "abc" {
		t.Fatalf("without an end: %q", got)
	}
}

func FuzzReadCommands(f *testing.F) {
	a := strings.Repeat("a", 40)
	f.Add([]byte("0000"))
	f.Add([]byte(string(pkt(zeroSHA+" "+a+" refs/heads/x\x00report-status side-band-64k")) + "0000PACK"))
	f.Add([]byte("ffff"))
	f.Add([]byte("0004"))
	f.Fuzz(func(t *testing.T, in []byte) {
		c, err := readCommands(bytes.NewReader(in))
		if err != nil {
			return
		}
		for _, one := range c.list {
			if !fullSHA.MatchString(one.old) || !fullSHA.MatchString(one.new) || strings.ContainsFunc(one.ref, isControl) {
				t.Fatalf("accepted %+v", one)
			}
		}
		// Whatever was read can be answered in the protocol.
		r := bytes.NewReader(c.report("ok", nil, "x"))
		for r.Len() > 0 {
			if _, _, err := readPkt(r); err != nil {
				t.Fatalf("the report cannot be read: %v", err)
			}
		}
	})
}

func FuzzParseDiff(f *testing.F) {
	f.Add(":000000 100644 0 0 A\x00n\x001\t0\tn\x00\x00diff --git a/n b/n\n--- /dev/null\n+++ b/n\n@@ -0,0 +1 @@\n+x\n", false)
	f.Add(":100644 100644 0 0 R90\x00a\x00b\x001\t1\t\x00a\x00b\x00\x00diff --git a/a b/b\n@@ -1 +1 @@\n-x\n+y\n", true)
	f.Fuzz(func(t *testing.T, out string, cut bool) {
		for _, file := range parseDiff(out, cut) {
			if file.Binary && file.Patch != "" || file.Truncated && file.Patch != "" {
				t.Fatalf("%+v", file)
			}
		}
	})
}
