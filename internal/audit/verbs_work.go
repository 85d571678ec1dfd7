package audit

func workVerbs() map[string]Verb {
	return map[string]Verb{
		"run.start": of("action", "title", "planId", "entities"),
		"run.step":  of("step", "type", "attempt", "undo"),
		"run.end":   of("state", "action", "error"), "run.cancel": of("state"), "run.retry": of("step", "undoing"), "run.undo": of("from"),
		"run.approve": of("request", "step", "comment", "digest", "behalf"), "run.decline": of("request", "step", "comment", "digest", "behalf"),

		"run.take": of("runs"), "run.report": of("status"),

		"service.deploy": onEntity("environment", "version", "deployment", "problem"),
		"service.stop":   onEntity("environment"), "service.restart": onEntity("environment"),
	}
}

func forgeVerbs() map[string]Verb {
	branch := of("branch", "from", "to")
	return map[string]Verb{
		"repository.create": of("id", "owner", "key"), "repository.archive": of("id", "renamed"),
		"repository.status": of("sha", "context", "state"), "repository.rules": of("rules"),
		"repository.webhook": of("id", "host", "events"), "repository.webhook-delete": of("id"),
		"branch.create": branch, "branch.update": branch, "branch.delete": branch,
		"pull_request.open": of("title", "head", "base", "sha"), "pull_request.push": of("from", "to", "number"),
		"pull_request.review": of("verdict", "sha"), "pull_request.comment": of("comment"), "pull_request.close": of("reason"),
		"pull_request.merge": of("sha", "base"),
	}
}

// approvalVerbs are those of approvals beside a run's own.
func approvalVerbs() map[string]Verb {
	rule := of("name", "effect", "enabled", "position", "groups", "need", "actions", "environments", "blueprints")
	return map[string]Verb{
		"approval_rule.create": rule, "approval_rule.update": rule, "approval_rule.delete": of("name"),
		"approval.request": of("request", "digest", "need"), "approval.escalate": of("request"), "approval.expire": of("request"), "approval.void": of("request", "reason"),
		"hold.create": of("action", "environment", "entity", "blueprint", "team", "reason", "until"), "hold.delete": of(),
		"delegation.create": of("to", "from", "until"), "delegation.delete": of(),
	}
}

// notifyVerbs are those of notices and of how people want them.
func notifyVerbs() map[string]Verb {
	channel := of("name", "type", "kinds", "teams", "enabled")
	return map[string]Verb{"notice_channel.create": channel, "notice_channel.update": channel, "notice_channel.delete": of()}
}
