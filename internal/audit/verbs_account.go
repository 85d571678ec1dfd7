package audit

// accountVerbs are those of people, machines and what they prove themselves
// with. Passwords, tokens and their hashes are never fields.
func accountVerbs() map[string]Verb {
	return map[string]Verb{
		"auth.login": of("address", "reason"), "auth.logout": of(), "auth.setup": of("email"),
		"session.delete": of(), "token.create": of("name", "expiresAt"), "token.delete": of(),
		"user.create": of("email", "roles", "teams"), "user.update": of("status", "roles", "teams", "newPassword"),
		"user.delete": of("email"), "user.rotate": of(),
		"team.create": of(), "team.update": of("name", "before"), "team.delete": of(),
		"app.create": of("name", "roles"), "app.update": of("name", "enabled", "roles"), "app.rotate": of("name"), "app.delete": of("name"),
	}
}

// policyVerbs are those of policies and of who may do what.
func policyVerbs() map[string]Verb { return map[string]Verb{} }
