package audit

// flagVerbs are those of feature flags; Entity is set by who appends.
func flagVerbs() map[string]Verb {
	return map[string]Verb{
		"flag_project.create": onEntity("key"), "flag_project.remove": onEntity("key"),
	}
}
