package audit

// flagVerbs are those of feature flags; Entity is set by who appends.
func flagVerbs() map[string]Verb {
	key := of("kind", "project", "environment", "name", "hint", "replaces", "oldEnds")
	return map[string]Verb{
		"flag_key.create": key, "flag_key.rotate": key, "flag_key.revoke": key,
		"flag_project.create": onEntity("key"), "flag_project.remove": onEntity("key"),
	}
}
