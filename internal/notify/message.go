package notify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"strings"
	"time"
)

// message is a notice as it goes out.
type message struct {
	ID, Kind, Title, Text, Key string
	// URL is absolute, inside the portal; empty for none.
	URL string
	At  time.Time
}

const htmlPage = `<!doctype html><html><body style="font-family:sans-serif;max-width:640px;margin:0 auto;padding:16px">
{{range .}}<h2 style="font-size:16px;margin:16px 0 4px">{{.Title}}</h2><p style="white-space:pre-line;margin:0 0 8px">{{.Text}}</p>{{if .URL}}<p style="margin:0 0 16px"><a href="{{.URL}}">Open in Sphera</a></p>{{end}}
{{end}}<p style="color:#666;font-size:12px">You choose what is mailed to you in the portal, under Notices.</p></body></html>`

// bodies are a mail as text and as HTML.
func bodies(list []message) (text, page string, err error) {
	var b strings.Builder
	for _, m := range list {
		b.WriteString(m.Title + "\n")
		if m.Text != "" {
			b.WriteString("\n" + m.Text + "\n")
		}
		if m.URL != "" {
			b.WriteString("\n" + m.URL + "\n")
		}
		b.WriteString("\n")
	}
	b.WriteString("-- \nYou choose what is mailed to you in the portal, under Notices.\n")
	t, err := template.New("mail").Parse(htmlPage)
	if err != nil {
		return "", "", fmt.Errorf("read the template of mails: %w", err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, list); err != nil {
		return "", "", fmt.Errorf("fill the template of mails: %w", err)
	}
	return b.String(), out.String(), nil
}

func subject(list []message) string {
	if len(list) == 1 {
		return oneLine(list[0].Title)
	}
	return fmt.Sprintf("%d notices of Sphera", len(list))
}

// slackEscape takes the meaning out of what is a command in Slack's messages:
// links, mentions, channels.
func slackEscape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// slack is a message in the form of Slack's incoming webhooks.
func (m *message) slack() ([]byte, error) {
	plain := func(text string, n int) map[string]any {
		return map[string]any{"type": "section", "text": map[string]any{"type": "plain_text", "text": clip(text, n), "emoji": false}}
	}
	blocks := []any{plain(m.Title, 300)}
	if m.Text != "" {
		blocks = append(blocks, plain(m.Text, 2900))
	}
	fallback := slackEscape(m.Title)
	if m.URL != "" {
		link := "<" + strings.ReplaceAll(slackEscape(m.URL), "|", "%7C") + "|Open in Sphera>"
		blocks = append(blocks, map[string]any{"type": "section", "text": map[string]any{"type": "mrkdwn", "text": link}})
		fallback += " " + link
	}
	return json.Marshal(map[string]any{"text": fallback, "blocks": blocks})
}

// webhook is a message in our own form.
func (m *message) webhook() ([]byte, error) {
	return json.Marshal(map[string]any{"id": m.ID, "kind": m.Kind, "title": m.Title, "text": m.Text, "url": m.URL, "key": m.Key, "at": m.At})
}
