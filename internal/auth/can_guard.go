package auth

import (
	"slices"
	"strings"

	"sphera/internal/fault"
	"sphera/internal/policy"
)

// guard refuses what nobody may, whatever their roles are.
func guard(p Principal, verb string, o Object) error {
	kind := p.Subject().Kind
	read := strings.HasSuffix(verb, ".read")
	change := !read && known(verb)
	owns := slices.ContainsFunc(o.Teams, func(t string) bool { return slices.Contains(p.Teams, t) })
	family, _, _ := strings.Cut(verb, ".")
	class := "write"
	if read {
		class = "read"
	}
	covered := slices.ContainsFunc(p.Scopes, func(s string) bool { return s == verb || s == family || s == class })
	switch {
	case p.Scopes != nil && !covered:
		return refuseGuard("scope")
	case !p.Within(verb, o.Resource().Blueprint, o.Environment):
		return errLimits()
	case p.ViewAs != "" && change:
		return refuseGuard("view-as-only-looks")
	case kind != policy.User && slices.Contains([]string{"run.approve", "flag.approve", "forge.review", "policy.write", "policy.confirm", "access.view-as"}, verb):
		return refuseGuard("machines-do-not-decide")
	case kind == policy.Agent && change && !slices.Contains([]string{"catalog.write", "source.report", "run.report"}, verb):
		return refuseGuard("agents-only-report")
	case kind == policy.CI && change && !slices.Contains([]string{"catalog.write", "source.report", "run.report", "action.plan", "action.run", "forge.write"}, verb):
		return refuseGuard("pipelines-do-not-administer")
	case kind == policy.MCP && change && verb != "action.plan":
		return refuseGuard("assistants-only-prepare")
	case p.Contractor && change && !owns:
		return refuseGuard("contractors-change-their-teams-things")
	case p.Contractor && read && known(verb) && !owns && len(o.Teams) > 0:
		return refuseGuard("contractors-see-their-teams-things")
	default:
		return nil
	}
}

func known(verb string) bool {
	_, ok := ruleFor(verb)
	return ok
}

func refuseGuard(rule string) error {
	return fault.Refuse(rule, "The rule "+rule+" forbids it.", "Ask somebody else.", "role "+Administrator)
}
