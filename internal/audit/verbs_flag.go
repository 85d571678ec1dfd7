package audit

// flagVerbs are those of feature flags; Entity is set by who appends.
func flagVerbs() map[string]Verb {
	key := of("kind", "project", "environment", "name", "hint", "replaces", "oldEnds")
	change := onEntity("project", "flag", "environment", "version", "reason", "change")
	segment := onEntity("project", "segment", "reason", "flags")
	return map[string]Verb{
		"flag.create": change, "flag.update": change, "flag.change": change, "flag.kill": change, "flag.archive": change, "flag.restore": change, "flag.delete": change,
		"flag.propose": change, "flag.approve": change, "flag.decline": change, "flag.schedule": change,
		"flag.export":      of("environment"),
		"flag_segment.put": segment, "flag_segment.delete": segment,
		"flag_project.update": onEntity("key", "bucketing", "maxStep", "staleDays", "population"),
		"flag_key.create":     key, "flag_key.rotate": key, "flag_key.revoke": key,
		"flag_project.create": onEntity("key"), "flag_project.remove": onEntity("key"),
	}
}
