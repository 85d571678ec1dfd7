package golden

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestS35_TemplatesAreAClosedLanguage(t *testing.T) {
	for name, source := range map[string]string{
		"printf":        `<% printf "%1000000d" 1 %>`,
		"print":         `<% print .Name %>`,
		"call":          `<% call .Name %>`,
		"index":         `<% index .List 0 %>`,
		"html":          `<% html .Name %>`,
		"define":        `<% define "x" %>x<% end %>`,
		"block":         `<% block "x" . %>x<% end %>`,
		"self":          `<% template "it" . %>`,
		"nested":        `<% if (printf "x") %>x<% end %>`,
		"unknown":       `<% env "HOME" %>`,
		"missing value": `<% .Secret %>`,
	} {
		if _, err := renderText("it", source, map[string]any{"Name": "x", "List": []string{"a"}}, defaultLimits(), &bounded{left: 1 << 20}); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestS35_LimitsOnOutputStepsTimeAndValues(t *testing.T) {
	small := limits{output: 1000, steps: 500, time: time.Second, value: 100}
	many := make([]int, 1000)
	data := map[string]any{"Many": many, "Long": strings.Repeat("x", 101), "Text": `"`}
	for name, source := range map[string]string{
		"output":        `<% range .Many %>xx<% end %>`,
		"steps":         `<% range 1000000000 %><% end %>`,
		"nested steps":  `<% range .Many %><% range $.Many %><% range $.Many %><% end %><% end %><% end %>`,
		"steps by with": `<% range 600 %><% with $.Text %><% end %><% end %>`,
		"value":         `<% json .Long %>`,
		"growing value": `<% $x := .Text %><% range 30 %><% $x = quote $x %><% end %><% $x %>`,
	} {
		_, err := renderText("it", source, data, small, &bounded{left: small.output})
		if !errors.Is(err, errLimit) {
			t.Errorf("%s: %v", name, err)
		}
	}
	quick := limits{output: 1 << 30, steps: 1 << 40, time: 30 * time.Millisecond, value: 100}
	start := time.Now()
	if _, err := renderText("it", `<% range 100000000000 %><% end %>`, data, quick, &bounded{left: quick.output}); !errors.Is(err, errLimit) {
		t.Errorf("time: %v", err)
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("stopped after %s", took)
	}
	total := map[string]string{"a": strings.Repeat("x", 600), "b": strings.Repeat("x", 600)}
	if _, err := renderAll(total, nil, small); !errors.Is(err, errLimit) {
		t.Errorf("output of all files together: %v", err)
	}
}

func TestS35_FileNames(t *testing.T) {
	for _, name := range []string{
		"../x", "a/../../b", "a/../b", "/etc/passwd", "a\x00b", ".git/config", "a/.git/config", ".GIT/config", "git~1/config", ".gitmodules", ".gitattributes",
		".github/workflows/x.yaml", ".GitHub/workflows/ci.yaml", `a\b`, "", ".", "a//b", "./a", "a/", "trailing.", "sp ace", "ünicode", strings.Repeat("x", 201),
	} {
		if err := checkFileName(name); err == nil {
			t.Errorf("%q is accepted", name)
		}
		if _, err := renderAll(map[string]string{name: "x"}, nil, defaultLimits()); err == nil {
			t.Errorf("a template may render to %q", name)
		}
	}
	for _, name := range []string{"main.go", ".github/workflows/ci.yaml", ".gitignore", "src/a-b_c.js", ".dockerignore"} {
		if err := checkFileName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func FuzzS35_Renderer(f *testing.F) {
	for _, seed := range []string{`<% .Name %>`, `<% range 10 %>x<% end %>`, `<% if eq .Name "x" %>y<% else %>z<% end %>`, `<% json (quote .Name) %>`, `<% with .Name %><% yaml . %><% end %>`, `<% range $i, $c := .List %><% break %><% end %>`} {
		f.Add(seed)
	}
	l := limits{output: 1 << 16, steps: 10_000, time: 200 * time.Millisecond, value: 1 << 12}
	f.Fuzz(func(t *testing.T, source string) {
		out, err := renderText("it", source, map[string]any{"Name": "x", "List": []string{"a", "b"}}, l, &bounded{left: l.output})
		if err == nil && len(out) > l.output {
			t.Errorf("%d bytes", len(out))
		}
	})
}

func TestMarkdownText(t *testing.T) {
	for in, want := range map[string]string{
		"Plain text, with dots.": "Plain text, with dots.", "*b* [x](y) <i>": `\*b\* \[x\](y) \<i\>`, "- item": `\- item`, "12. item": `12\. item`, "a\n\n# b": `a \# b`,
	} {
		if got := markdownText(in); got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
	}
	if got := fmt.Sprint(yamlText("yes"), yamlText("checkout"), yamlText("a: b")); got != `"yes" checkout "a: b"` && got != `"yes"checkout"a: b"` {
		t.Errorf("yaml: %s", got)
	}
}
