package forge

import (
	"regexp"
	"strings"
	"testing"
)

func TestPatterns(t *testing.T) {
	for _, tt := range []struct {
		pattern string
		yes, no []string
	}{
		{"**", []string{"a", "a/b", "x\ny"}, nil},
		{"*", []string{"a", "README.md"}, []string{"a/b"}},
		{"docs/**", []string{"docs/a", "docs/a/b"}, []string{"docs", "xdocs/a", "a/docs/b"}},
		{"docs/", []string{"docs/a"}, []string{"docs"}},
		{"**/owners", []string{"owners", "a/owners", "a/b/owners"}, []string{"a/xowners", "owners/a"}},
		{"apps/*/overlays/production/**", []string{"apps/x/overlays/production/a.yaml"}, []string{"apps/x/y/overlays/production/a.yaml", "apps/x/overlays/staging/a"}},
		{"/main.tf", []string{"main.tf"}, []string{"a/main.tf"}},
		{"a.b+c(d)[e]", []string{"a.b+c(d)[e]"}, []string{"aXb+c(d)[e]", "a.bbc(d)[e]"}},
		{"*.go", []string{"a.go", ".go"}, []string{"a/b.go", "a.gox"}},
	} {
		re := regexp.MustCompile(patternExpr(tt.pattern))
		for _, path := range tt.yes {
			if !re.MatchString(path) {
				t.Errorf("%s does not match %q", tt.pattern, path)
			}
		}
		for _, path := range tt.no {
			if re.MatchString(path) {
				t.Errorf("%s matches %q", tt.pattern, path)
			}
		}
	}
}

func TestJudge(t *testing.T) {
	set, err := compileRules([]ReviewRule{
		{Name: "all", Paths: []string{"**"}, Reviewers: []string{"platform"}, Approvals: 2},
		{Name: "generated", Paths: []string{"gen/**"}, Auto: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	byRun := PullRequest{State: Open, RunID: "r", Head: "sphera/r", Base: "main", Author: ada}
	approve := func(id string) reviewer {
		return reviewer{Review: Review{By: Person{ID: id}, Verdict: Approve}, memberships: []string{"platform"}}
	}
	stale := approve("c")
	stale.Stale = true
	file := comparison{related: true, files: []changedFile{{path: "x", added: true}}}
	for _, tt := range []struct {
		name    string
		pr      PullRequest
		c       comparison
		portal  map[string]bool
		reviews []reviewer
		ok      bool
		says    string
	}{
		{"one of two reviews", byRun, file, nil, []reviewer{approve("a")}, false, "An approving review for x by the team platform is missing"},
		{"two reviews", byRun, file, nil, []reviewer{approve("a"), approve("b")}, true, ""},
		{"the same person twice", byRun, file, nil, []reviewer{approve("a"), approve("a")}, false, "missing"},
		{"a stale review", byRun, file, nil, []reviewer{approve("a"), stale}, false, "missing"},
		{"the author's review", byRun, file, nil, []reviewer{approve("a"), approve(ada.ID)}, false, "missing"},
		{"a new generated file", byRun, comparison{related: true, files: []changedFile{{path: "gen/a", added: true}}}, nil, nil, true, ""},
		{"a generated file of somebody", byRun, comparison{related: true, files: []changedFile{{path: "gen/a"}}}, nil, nil, false, "names no reviewers"},
		{"a generated file of the portal", byRun, comparison{related: true, files: []changedFile{{path: "gen/a"}}}, map[string]bool{"gen/a": true}, nil, true, ""},
		{"moved out of a guarded place", byRun, comparison{related: true, files: []changedFile{{path: "gen/a", oldPath: "x"}}}, nil, nil, false, "for x by"},
		{"moved within the portal's", byRun, comparison{related: true, files: []changedFile{{path: "gen/b", oldPath: "gen/a"}}}, map[string]bool{"gen/a": true}, nil, true, ""},
		{"moved from somebody's", byRun, comparison{related: true, files: []changedFile{{path: "gen/b", oldPath: "gen/a"}}}, nil, nil, false, "names no reviewers"},
		{"unrelated", byRun, comparison{}, nil, nil, false, "no commit in common"},
		{"nothing to merge", byRun, comparison{related: true}, nil, nil, false, "no changes"},
		{"too many files", byRun, comparison{related: true, tooMany: true, files: file.files}, nil, nil, false, "more than"},
		{"merged", PullRequest{State: Merged}, comparison{}, nil, nil, false, "merged already"},
	} {
		m := judge(tt.pr, set, tt.c, tt.portal, tt.reviews, nil)
		if m.OK != tt.ok || !strings.Contains(strings.Join(m.Blocked, " "), tt.says) {
			t.Errorf("%s: %+v", tt.name, m)
		}
	}
}
