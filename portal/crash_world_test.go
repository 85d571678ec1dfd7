package portal

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"sphera/internal/audit/seal"
)

// patience is how long a test waits for what has to come.
const patience = 60 * time.Second

func noLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

// rows reads rows as texts, columns divided by a bar.
func (s *site) rows(query string, args ...any) []string {
	s.t.Helper()
	out, err := s.read(query, args...)
	if err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
	return out
}

func (s *site) read(query string, args ...any) ([]string, error) {
	rows, err := s.db.Read().QueryContext(context.Background(), query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	var out []string
	for rows.Next() {
		values, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		texts := make([]string, len(values))
		for i, v := range values {
			texts[i] = v.String
		}
		out = append(out, strings.Join(texts, "|"))
	}
	return out, rows.Err()
}

// traces is where a service ($1) and a run ($2) leave something. What is here
// must be the same for a run that was killed as for one that was not: a row
// too few is something lost, one too many something doubled.
func traces() map[string]string {
	return map[string]string{
		"repository":  "SELECT name, former_name, archived, owner FROM forge_repositories WHERE $2 <> '' AND (name = $1 OR former_name = $1)",
		"branch":      "SELECT r.name, b.name, b.subject FROM forge_branches b JOIN forge_repositories r ON r.id = b.repository_id WHERE r.name = $1 OR r.former_name = $1 OR b.name LIKE '%' || $2 || '%'",
		"pull":        "SELECT r.name, p.title, p.state, p.head, p.base FROM forge_pulls p JOIN forge_repositories r ON r.id = p.repository_id WHERE p.run_id = $2 OR p.title LIKE '%' || $1 || '%'",
		"entity":      "SELECT blueprint, identifier, title, team, properties FROM entities WHERE $2 <> '' AND (identifier = $1 OR identifier = $1 || '-api')",
		"relation":    "SELECT e.identifier, l.relation, l.position, o.identifier FROM entity_relations l JOIN entities e ON e.id = l.source JOIN entities o ON o.id = l.target WHERE $2 <> '' AND (e.identifier = $1 OR e.identifier = $1 || '-api')",
		"slot":        "SELECT environment, name, run_id FROM secret_slots WHERE service = $1 AND $2 <> ''",
		"flags":       "SELECT key, run_id FROM flag_projects WHERE service = $1 AND $2 <> ''",
		"deployment":  "SELECT environment, state, error, CASE WHEN first_answer_at > 0 THEN 'answered' ELSE '' END FROM runtime_deployments WHERE service = $1 AND $2 <> ''",
		"instance":    "SELECT environment, desired, state FROM runtime_instances WHERE service = $1 AND $2 <> ''",
		"measure":     "SELECT name, subject FROM insight_measures WHERE run_id = $2 AND $1 <> ''",
		"run":         "SELECT state, steps_done, error, undoing FROM runs WHERE id = $2 AND $1 <> ''",
		"step":        "SELECT name, state, error FROM run_steps WHERE run_id = $2 AND $1 <> ''",
		"change":      "SELECT kind, verb, title FROM run_changes WHERE run_id = $2 AND $1 <> ''",
		"key held":    "SELECT key FROM run_locks WHERE run_id = $2 OR key = 'service:' || $1",
		"audit":       "SELECT verb, object, outcome FROM audit_events WHERE $1 <> '' AND run_id = $2",
		"service log": "SELECT verb, object, outcome FROM audit_events WHERE $2 <> '' AND run_id = '' AND (object LIKE '%/' || $1 OR object LIKE '%/' || $1 || '/%')",
	}
}

var (
	anyCommit  = regexp.MustCompile(`\b[0-9a-f]{40}\b|\b[0-9a-f]{10}\b`)
	anyNumber  = regexp.MustCompile(`#\d+|\b(pull-request/[a-z-]+/)\d+`)
	anyPortal  = regexp.MustCompile(`http://(localhost|127\.0\.0\.1):\d+`)
	anyArchive = regexp.MustCompile(`archived/NAME-[0-9a-f]+`)
)

// world describes all that there is of a service and a run, without what
// differs by chance. With live it includes what runs and answers.
func (s *site) world(p *portal, name, id string, live bool) []string {
	s.t.Helper()
	var out []string
	for what, query := range traces() {
		if what == "instance" && !live {
			continue
		}
		for _, row := range s.rows(query, name, id) {
			out = append(out, what+": "+row)
		}
	}
	for _, row := range s.rows("SELECT id, name FROM forge_repositories WHERE name IN ('ci-config', 'gitops') OR name = $1 OR former_name = $1", name) {
		repo, title, _ := strings.Cut(row, "|")
		out = append(out, s.inGit(repo, title, name)...)
	}
	if live {
		out = append(out, fmt.Sprintf("processes: %d", s.processes(name)), fmt.Sprintf("answers: %d", p.get("/run/dev-eu-west-1/"+name+"/")))
	}
	for i, line := range out {
		line = strings.ReplaceAll(strings.ReplaceAll(line, name, "NAME"), id, "RUN")
		line = anyNumber.ReplaceAllString(anyCommit.ReplaceAllString(line, "COMMIT"), "${1}#N")
		out[i] = anyArchive.ReplaceAllString(anyPortal.ReplaceAllString(line, "PORTAL"), "archived/NAME")
	}
	slices.Sort(out)
	return out
}

// inGit describes a repository as git has it on disk: of a service's own
// everything, of the others what is about the service.
func (s *site) inGit(id, title, name string) []string {
	s.t.Helper()
	var out []string
	for _, args := range [][]string{{"log", "--format=%s", "main"}, {"ls-tree", "-r", "--name-only", "main"}, {"for-each-ref", "--format=%(refname)"}} {
		cmd := exec.Command("git", append([]string{"-C", filepath.Join(s.data, "git", "repositories", id+".git")}, args...)...)
		text, err := cmd.CombinedOutput()
		if err != nil && !strings.Contains(string(text), "main") { // without a commit there is no main
			s.t.Fatalf("%v: %v: %s", cmd.Args, err, text)
		}
		for line := range strings.Lines(string(text)) {
			if strings.Contains(title, name) || strings.Contains(line, name) {
				out = append(out, "git "+args[0]+" "+title+": "+strings.TrimSpace(line))
			}
		}
	}
	return out
}

// processes counts the processes of a service on this machine.
func (s *site) processes(name string) int {
	s.t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/environ")
	s.must(err)
	n := 0
	for _, path := range all {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue // gone, or somebody else's
		}
		if env := "\x00" + string(raw); strings.Contains(env, "\x00SERVICE_NAME="+name+"\x00") && strings.Contains(env, s.data) {
			n++
		}
	}
	return n
}

// same waits until the world is as it should be, and says what is lost and
// what is too much when it does not become so.
func (s *site) same(what string, p *portal, name, id string, live bool, want []string) {
	s.t.Helper()
	var lost, extra []string
	tick := time.NewTicker(30 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); ; <-tick.C {
		lost, extra = difference(want, s.world(p, name, id, live))
		if len(lost)+len(extra) == 0 {
			return
		}
		if time.Now().After(deadline) {
			s.t.Errorf("%s: the world of %s is not that of a run without a kill\nlost:\n  %s\ntoo much:\n  %s", what, name, strings.Join(lost, "\n  "), strings.Join(extra, "\n  "))
			return
		}
	}
}

// difference returns what is in want and not in got, and the reverse; counting
// how often each line is there.
func difference(want, got []string) (lost, extra []string) {
	left := map[string]int{}
	for _, line := range want {
		left[line]++
	}
	for _, line := range got {
		if left[line]--; left[line] < 0 {
			extra = append(extra, line)
		}
	}
	for line, n := range left {
		for range n {
			lost = append(lost, line)
		}
	}
	slices.Sort(lost)
	return lost, extra
}

// whole checks the database, the repositories, and that nothing is left over.
func (s *site) whole() {
	s.t.Helper()
	if s.url == "" {
		if got := s.one("PRAGMA integrity_check"); got != "ok" {
			s.t.Errorf("integrity of the database: %s", got)
		}
	}
	for _, row := range s.rows("SELECT id, state FROM runs WHERE state NOT IN ('succeeded', 'undone')") {
		s.t.Errorf("a run has not ended well: %s", row)
	}
	if n := s.one("SELECT COUNT(*) FROM run_locks"); n != "0" {
		s.t.Errorf("%s keys are still held", n)
	}
	// Every event is sealed, once, by whichever server led, and the chain is whole.
	var report *seal.Report
	s.eventually("the audit log is sealed", patience, func() bool {
		var err error
		report, err = seal.Verify(s.t.Context(), s.db, seal.Options{})
		return err == nil && report.Waiting == 0
	})
	if !report.OK() || report.Entries == 0 {
		s.t.Errorf("the audit log after the kills: %+v", report)
	}
	for _, id := range s.rows("SELECT id FROM forge_repositories") {
		cmd := exec.Command("git", "-C", filepath.Join(s.data, "git", "repositories", id+".git"), "fsck", "--strict", "--no-dangling")
		if out, err := cmd.CombinedOutput(); err != nil {
			s.t.Errorf("git fsck %s: %v: %s", id, err, out)
		}
	}
}
