package audit

// auditVerbs are those of the log itself.
func auditVerbs() map[string]Verb {
	return map[string]Verb{
		"audit.export": of("format", "from", "to", "events"),
		"audit.sink":   of("sink", "state", "reason", "required"),
	}
}
