package forge

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// Limits of rules, so that checking them stays cheap.
const (
	maxRules    = 100
	maxPatterns = 50
	maxPattern  = 200
	maxReviews  = 10
)

// SetRules implements Forge.
func (b *Builtin) SetRules(ctx context.Context, repo string, rules []ReviewRule) error {
	if err := checkRules(rules); err != nil {
		return err
	}
	if rules == nil {
		rules = []ReviewRule{}
	}
	raw, err := json.Marshal(rules)
	if err != nil {
		return fmt.Errorf("write the review rules: %w", err)
	}
	by, runID := personOf(ctx)
	changed := false
	err = b.db.Tx(ctx, func(tx *store.Tx) error {
		r, err := b.writable(ctx, tx, repo)
		if err != nil {
			return err
		}
		before, err := json.Marshal(r.rules)
		if changed = err != nil || string(before) != string(raw); !changed {
			return nil
		}
		if _, err := tx.ExecContext(ctx, "UPDATE forge_repositories SET rules = $1, updated_at = $2 WHERE id = $3", string(raw), b.nowMillis(), r.id); err != nil {
			return fmt.Errorf("save the review rules of %s: %w", repo, err)
		}
		names := make([]string, 0, len(rules))
		for _, rule := range rules {
			names = append(names, rule.Name)
		}
		return b.announce(ctx, tx, change{
			verb: "repository.rules", object: "repository/" + repo, by: by, runID: runID,
			detail: audit.Detail("rules", names), event: Event{Kind: "repository", Repository: repo},
		})
	})
	if err != nil || !changed {
		return err
	}
	return b.refreshAllWaiting(ctx, repo)
}

func checkRules(rules []ReviewRule) error {
	if len(rules) > maxRules {
		return fault.Field("rules", "has too many rules", "at most 100")
	}
	for _, rule := range rules {
		if err := checkTitle("rules.name", rule.Name, 200); err != nil {
			return err
		}
		if len(rule.Paths) == 0 || len(rule.Paths) > maxPatterns {
			return fault.Field("rules.paths", "has no pattern or too many", "1 to 50 patterns")
		}
		for _, pattern := range rule.Paths {
			if pattern == "" || len(pattern) > maxPattern || strings.ContainsFunc(pattern, isControl) {
				return fault.Field("rules.paths", "has a pattern that is empty or too long", "for example services/*/ci.yaml or **")
			}
		}
		for _, reviewer := range rule.Reviewers {
			if err := checkTitle("rules.reviewers", reviewer, 200); err != nil {
				return err
			}
		}
		if rule.Approvals < 0 || rule.Approvals > maxReviews {
			return fault.Field("rules.approvals", "is not a number of reviews", "0 to 10")
		}
		if !rule.Auto && len(rule.Reviewers) == 0 {
			return fault.Field("rules.reviewers", "has nobody who could approve", "team names or role:NAME")
		}
	}
	return nil
}

// patternExpr turns * (within a part) and ** (anything) into an expression of
// Go's regexp, which cannot be made to run away. A pattern that ends with a
// slash means everything below.
func patternExpr(pattern string) string {
	pattern = strings.TrimPrefix(pattern, "/")
	if strings.HasSuffix(pattern, "/") {
		pattern += "**"
	}
	var b strings.Builder
	b.WriteString("^")
	for i := 0; i < len(pattern); {
		switch {
		case strings.HasPrefix(pattern[i:], "**/"):
			b.WriteString("(?:.*/)?")
			i += 3
		case strings.HasPrefix(pattern[i:], "**"):
			b.WriteString(".*")
			i += 2
		case pattern[i] == '*':
			b.WriteString("[^/]*")
			i++
		default:
			end := strings.IndexByte(pattern[i:], '*')
			if end < 0 {
				end = len(pattern) - i
			}
			b.WriteString(regexp.QuoteMeta(pattern[i : i+end]))
			i += end
		}
	}
	b.WriteString("$")
	return "(?s)" + b.String()
}

// ruleSet is a repository's rules ready to be asked.
type ruleSet struct {
	rules    []ReviewRule
	patterns [][]*regexp.Regexp
}

func compileRules(rules []ReviewRule) (ruleSet, error) {
	set := ruleSet{rules: rules}
	for _, rule := range rules {
		var compiled []*regexp.Regexp
		for _, pattern := range rule.Paths {
			re, err := regexp.Compile(patternExpr(pattern))
			if err != nil {
				return ruleSet{}, fmt.Errorf("read the pattern %q of the rule %q: %w", pattern, rule.Name, err)
			}
			compiled = append(compiled, re)
		}
		set.patterns = append(set.patterns, compiled)
	}
	return set, nil
}

// deciding is the index of the last rule that matches path, or -1.
func (s ruleSet) deciding(path string) int {
	for i, patterns := range slices.Backward(s.patterns) {
		for _, re := range patterns {
			if re.MatchString(path) {
				return i
			}
		}
	}
	return -1
}

// ruleFiles is the changed files that each rule decides, by index of rule. A
// renamed file counts for both its paths.
func (s ruleSet) ruleFiles(files []changedFile) map[int][]changedFile {
	out := map[int][]changedFile{}
	for _, f := range files {
		if i := s.deciding(f.path); i >= 0 {
			out[i] = append(out[i], f)
		}
		if f.oldPath != "" {
			if i := s.deciding(f.oldPath); i >= 0 {
				out[i] = append(out[i], changedFile{path: f.oldPath})
			}
		}
	}
	return out
}

// isPortals reports whether a pull request was made by the portal for a run
// and nobody else can have written to its branch.
func isPortals(pr PullRequest) bool {
	return pr.RunID != "" && strings.HasPrefix(pr.Head, portalBranches)
}

// autoApproves reports whether a rule approves its files without a review.
func autoApproves(rule ReviewRule, pr PullRequest, files []changedFile, portalFiles map[string]bool) bool {
	if !rule.Auto || !isPortals(pr) {
		return false
	}
	for _, f := range files {
		if !f.added && f.oldPath == "" && !portalFiles[f.path] {
			return false
		}
	}
	return true
}

// reviewer is a review with what its author may approve.
type reviewer struct {
	Review
	id          string
	memberships []string
}

// latest keeps the last verdict of each person.
func latest(reviews []reviewer) []reviewer {
	last := map[string]int{}
	for i, r := range reviews {
		last[r.By.ID] = i
	}
	out := []reviewer{}
	for i, r := range reviews {
		if last[r.By.ID] == i {
			out = append(out, r)
		}
	}
	return out
}

// approvals counts the current approvals that a rule accepts.
func approvals(rule ReviewRule, pr PullRequest, reviews []reviewer) int {
	n := 0
	for _, r := range reviews {
		if r.Verdict != Approve || r.Stale || r.By.ID == pr.Author.ID {
			continue
		}
		if slices.ContainsFunc(r.memberships, func(m string) bool { return slices.Contains(rule.Reviewers, m) }) {
			n++
		}
	}
	return n
}

// memberships is what review rules know a person by.
func memberships(p Person) []string {
	out := slices.Clone(p.Teams)
	for _, role := range p.Roles {
		out = append(out, "role:"+role)
	}
	return out
}

// judge decides whether a pull request may be merged. It looks at nothing but
// its arguments.
func judge(pr PullRequest, set ruleSet, c comparison, portalFiles map[string]bool, reviews []reviewer, statuses []Status) Mergeability {
	m := Mergeability{Blocked: []string{}, Reviewers: []string{}}
	switch {
	case pr.State == Merged:
		m.Blocked = append(m.Blocked, "It is merged already.")
		return m
	case pr.State == Closed:
		m.Blocked = append(m.Blocked, "It is closed.")
		return m
	case !c.related:
		m.Blocked = append(m.Blocked, fmt.Sprintf("The branch %s has no commit in common with %s.", pr.Head, pr.Base))
	case c.tooMany:
		m.Blocked = append(m.Blocked, fmt.Sprintf("It changes more than %d files, which is more than the rules are checked for.", MaxFiles))
	case len(c.files) == 0:
		m.Blocked = append(m.Blocked, fmt.Sprintf("The branch %s has no changes against %s.", pr.Head, pr.Base))
	case len(c.conflicts) > 0:
		m.Blocked = append(m.Blocked, fmt.Sprintf("It conflicts with %s in %s. Merge %s into %s and push the result.", pr.Base, some(c.conflicts), pr.Base, pr.Head))
	}
	reviews = latest(reviews)
	for _, r := range reviews {
		if r.Verdict == RequestChanges {
			m.Blocked = append(m.Blocked, fmt.Sprintf("%s asked for changes and has not approved since.", nameOf(r.By)))
		}
	}
	judgeRules(&m, pr, set, c, portalFiles, reviews)
	for _, s := range statuses {
		switch s.State {
		case "failure":
			m.Blocked = append(m.Blocked, fmt.Sprintf("The check %s failed.", s.Context))
		case "pending":
			m.Blocked = append(m.Blocked, fmt.Sprintf("The check %s is still running.", s.Context))
		}
	}
	m.OK = len(m.Blocked) == 0
	return m
}

func judgeRules(m *Mergeability, pr PullRequest, set ruleSet, c comparison, portalFiles map[string]bool, reviews []reviewer) {
	byRule := []string{}
	decided := set.ruleFiles(c.files)
	for i, rule := range set.rules {
		files := decided[i]
		if len(files) == 0 {
			continue
		}
		if autoApproves(rule, pr, files, portalFiles) {
			byRule = append(byRule, rule.Name)
			continue
		}
		need := max(1, rule.Approvals)
		have := approvals(rule, pr, reviews)
		if have >= need {
			continue
		}
		paths := make([]string, 0, len(files))
		for _, f := range files {
			paths = append(paths, f.path)
		}
		if len(rule.Reviewers) == 0 {
			m.Blocked = append(m.Blocked, fmt.Sprintf("The rule %q approves %s only in a pull request of a run whose files nobody else has changed, and names no reviewers.", rule.Name, some(paths)))
			continue
		}
		m.Blocked = append(m.Blocked, fmt.Sprintf("%s for %s by %s is missing (rule %q).", reviewsWord(need-have), some(paths), orList(rule.Reviewers), rule.Name))
		for _, r := range rule.Reviewers {
			if !slices.Contains(m.Reviewers, r) {
				m.Reviewers = append(m.Reviewers, r)
			}
		}
	}
	// A rule is named as the approver only when no review was needed besides.
	if len(m.Blocked) == 0 && len(byRule) > 0 {
		m.ByRule = strings.Join(byRule, ", ")
	}
}

func reviewsWord(n int) string {
	if n == 1 {
		return "An approving review"
	}
	return fmt.Sprintf("%d approving reviews", n)
}

func orList(reviewers []string) string {
	words := make([]string, 0, len(reviewers))
	for _, r := range reviewers {
		if role, found := strings.CutPrefix(r, "role:"); found {
			r = "somebody with the role " + role
		} else {
			r = "the team " + r
		}
		words = append(words, r)
	}
	return strings.Join(words, " or ")
}

// some names at most three files.
func some(paths []string) string {
	shown := make([]string, 0, 3)
	for _, p := range paths[:min(3, len(paths))] {
		shown = append(shown, clean(p, 120))
	}
	text := strings.Join(shown, ", ")
	if more := len(paths) - len(shown); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func nameOf(p Person) string {
	if p.Name != "" {
		return p.Name
	}
	return p.ID
}

// DecidingRule returns the rule that decides over a path: the last one that
// matches. A plan uses it to say beforehand how a change will be merged.
func DecidingRule(rules []ReviewRule, path string) (ReviewRule, bool) {
	set, err := compileRules(rules)
	if err != nil {
		return ReviewRule{}, false
	}
	i := set.deciding(path)
	if i < 0 {
		return ReviewRule{}, false
	}
	return set.rules[i], true
}
