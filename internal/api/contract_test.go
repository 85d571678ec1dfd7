package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"sphera/internal/auth"
)

// TestPortContract plays the conversations in testdata/port against the API on
// both databases. A file is a list of exchanges:
//
//	# what this is about
//	> POST /v1/blueprints?x=y as administrator
//	> User-Agent: something
//	{"the": "body"}
//	< 201
//	{"the": "answer"}
//
// Requests are sent as the app, which is a machine with a client id, unless "as"
// names a role. In an answer "<any>", "<string>", "<number>" and "<time>" stand
// for values of that kind, "<set NAME>" keeps a string for later lines as
// ${NAME}, "<has TEXT>" is a string that contains TEXT, and "<none>" says that
// the key is not there. A key "..." allows more keys; "..." at the end of a
// list allows more items. "until" behind a status repeats the request until the
// answer fits, for what goes on in the background.
func TestPortContract(t *testing.T) {
	files, err := filepath.Glob("testdata/port/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no conversations", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			exchanges := readExchanges(t, string(text))
			each(t, func(t *testing.T, h *harness) {
				h.asPort(t)
				c := &conversation{t: t, h: h, set: map[string]string{"CLIENT": h.app.ID, "SECRET": h.appSecret, "HOST": h.server.URL}}
				for _, x := range exchanges {
					c.play(x)
				}
			})
		})
	}
}

// asPort makes the app that machines use, and starts what works in the
// background.
func (h *harness) asPort(t *testing.T) {
	t.Helper()
	if err := h.api.catalog.EnsureSystem(portal(t.Context())); err != nil {
		t.Fatal(err)
	}
	var err error
	by := auth.Principal{User: h.users["administrator"], Via: auth.ViaSession}
	if h.app, h.appSecret, err = h.auth.CreateApp(t.Context(), by, "port client", []string{auth.Administrator}); err != nil {
		t.Fatal(err)
	}
	got := h.must("", "POST", "/v1/auth/access_token", map[string]any{"clientId": h.app.ID, "clientSecret": h.appSecret})
	h.tokens["app"] = fmt.Sprint(got.field("accessToken"))
	h.background(h.migrations.Work)
	h.background(func(ctx context.Context) error {
		for {
			if _, _, err := h.api.catalog.Recompute(ctx, 1000); err != nil {
				return err
			}
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	h.work()
}

type exchange struct {
	line         int
	note         string
	method, path string
	role         string
	header       []string
	body         string
	status       int
	until        bool
	want         string
}

func readExchanges(t *testing.T, text string) []exchange {
	t.Helper()
	var out []exchange
	var note string
	var x *exchange
	var into *string
	for i, line := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(line, "#"):
			note = strings.TrimSpace(line[1:])
		case strings.HasPrefix(line, "> ") && (x == nil || into == &x.want):
			fields := strings.Fields(line[2:])
			if len(fields) < 2 {
				t.Fatalf("line %d: a request is a method and a path", i+1)
			}
			out = append(out, exchange{line: i + 1, note: note, method: fields[0], path: fields[1], role: "app"})
			x = &out[len(out)-1]
			if len(fields) == 4 && fields[2] == "as" {
				x.role = strings.TrimPrefix(fields[3], "nobody")
			}
			into = &x.body
		case strings.HasPrefix(line, "> "):
			name, value, _ := strings.Cut(line[2:], ": ")
			x.header = append(x.header, name, value)
		case strings.HasPrefix(line, "< "):
			status, rest, _ := strings.Cut(line[2:], " ")
			n, err := strconv.Atoi(status)
			if err != nil || x == nil {
				t.Fatalf("line %d: %v", i+1, err)
			}
			x.status, x.until, into = n, rest == "until", &x.want
		case into != nil:
			*into += line + "\n"
		}
	}
	return out
}

type conversation struct {
	t   *testing.T
	h   *harness
	set map[string]string
}

var variable = regexp.MustCompile(`\$\{([A-Za-z0-9]+)\}`)

func (c *conversation) fill(text string) string {
	return variable.ReplaceAllStringFunc(text, func(name string) string { return c.set[name[2:len(name)-1]] })
}

func (c *conversation) play(x exchange) {
	c.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		problem := c.once(x)
		if problem == "" {
			return
		}
		if x.until && time.Now().Before(deadline) {
			<-time.After(20 * time.Millisecond) // as a client polls
			continue
		}
		c.t.Errorf("line %d, %s: %s", x.line, x.note, problem)
		return
	}
}

func (c *conversation) once(x exchange) string {
	c.t.Helper()
	var body any
	if strings.TrimSpace(x.body) != "" {
		body = c.fill(x.body)
	}
	header := []string{}
	for _, h := range x.header {
		header = append(header, c.fill(h))
	}
	got := c.h.call(x.role, x.method, c.fill(x.path), body, header...)
	if got.status != x.status {
		return fmt.Sprintf("%s %s: %d, want %d: %s", x.method, x.path, got.status, x.status, got.text)
	}
	if got.json == nil {
		return fmt.Sprintf("%s %s: no JSON: %s %q", x.method, x.path, got.header.Get("Content-Type"), got.text)
	}
	if strings.TrimSpace(x.want) == "" {
		if got.json["ok"] != (x.status < http.StatusBadRequest) {
			return "ok is " + fmt.Sprint(got.json["ok"])
		}
		return ""
	}
	var want any
	if err := json.Unmarshal([]byte(c.fill(x.want)), &want); err != nil {
		c.t.Fatalf("line %d: the expected answer is no JSON: %v", x.line, err)
	}
	if diff := c.differs("", want, got.json); diff != "" {
		return fmt.Sprintf("%s %s: %s\nin %s", x.method, x.path, diff, got.text)
	}
	return ""
}

// differs says where got is not what is wanted.
func (c *conversation) differs(at string, want, got any) string {
	switch want := want.(type) {
	case string:
		return c.textDiffers(at, want, got)
	case map[string]any:
		have, ok := got.(map[string]any)
		if !ok {
			return fmt.Sprintf("%s is %v, want an object", at, got)
		}
		_, open := want["..."]
		for key, value := range want {
			if key == "..." {
				continue
			}
			v, there := have[key]
			if value == "<none>" {
				if there {
					return at + "/" + key + " is there"
				}
				continue
			}
			if !there {
				return at + "/" + key + " is not there"
			}
			if diff := c.differs(at+"/"+key, value, v); diff != "" {
				return diff
			}
		}
		for key := range have {
			if _, known := want[key]; !known && !open {
				return at + "/" + key + " is there, and not wanted"
			}
		}
		return ""
	case []any:
		have, ok := got.([]any)
		if !ok {
			return fmt.Sprintf("%s is %v, want a list", at, got)
		}
		open := len(want) > 0 && want[len(want)-1] == "..."
		if open {
			want = want[:len(want)-1]
		}
		if len(have) < len(want) || len(have) > len(want) && !open {
			return fmt.Sprintf("%s has %d items, want %d", at, len(have), len(want))
		}
		for i := range want {
			if diff := c.differs(fmt.Sprintf("%s/%d", at, i), want[i], have[i]); diff != "" {
				return diff
			}
		}
		return ""
	default:
		if !reflect.DeepEqual(want, got) {
			return fmt.Sprintf("%s is %v, want %v", at, got, want)
		}
		return ""
	}
}

func (c *conversation) textDiffers(at, want string, got any) string {
	text, isText := got.(string)
	fits := true
	switch {
	case want == "<any>":
	case want == "<string>":
		fits = isText
	case want == "<number>":
		_, fits = got.(float64)
	case want == "<time>":
		_, err := time.Parse("2006-01-02T15:04:05.000Z", text)
		fits = isText && err == nil
	case strings.HasPrefix(want, "<set "):
		fits = isText
		c.set[strings.TrimSuffix(want[5:], ">")] = text
	case strings.HasPrefix(want, "<has "):
		fits = strings.Contains(text, strings.TrimSuffix(want[5:], ">"))
	default:
		fits = isText && text == want
	}
	if !fits {
		return fmt.Sprintf("%s is %v, want %s", at, got, want)
	}
	return ""
}
