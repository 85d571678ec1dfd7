package audit

// accountVerbs are those of people, machines and what they prove themselves
// with. Passwords, tokens and their hashes are never fields.
func accountVerbs() map[string]Verb {
	return map[string]Verb{
		"auth.login": of("address", "reason", "issuer"), "auth.logout": of("issuer", "by"), "auth.setup": of("email"),
		"auth.again": of(), "auth.allow": of("name"), "auth.break-glass": of("address"), "auth.exchange": of("trust", "job", "scopes", "reason"),
		"session.delete": of("user"), "token.create": of("name", "expiresAt", "scopes"), "token.delete": of("user"),
		"user.create": of("email", "roles", "teams"), "user.update": of("status", "roles", "teams", "newPassword", "contractor"),
		"user.delete": of("email"), "user.rotate": of(), "user.link": of("issuer"), "user.unlink": of("issuer"), "user.sign-out": of(),
		"trust.create": trustFields(), "trust.update": trustFields(), "trust.delete": trustFields(),
		"scim.client.create": of("name", "issuer"), "scim.client.delete": of("name"), "scim.user": of("client", "externalId", "operation"), "scim.group": of("client", "team", "operation"),
		"team.create": of(), "team.update": of("name", "before"), "team.delete": of(),
		"app.create": of("name", "roles"), "app.update": of("name", "enabled", "roles"), "app.rotate": of("name"), "app.delete": of("name"),
		"service-account.create": of("name", "team", "roles"), "service-account.update": of("name", "owner", "roles", "enabled"), "service-account.delete": of("name"),
		"service-token.create": of("token", "name", "expiresAt", "scopes"), "service-token.delete": of("token"),
	}
}

func trustFields() Verb {
	return of("name", "issuer", "audience", "conditions", "service", "scopes", "enabled")
}

// policyVerbs are those of policies and of who may do what.
func policyVerbs() map[string]Verb {
	return map[string]Verb{
		"policy.propose": of("base", "reason", "newlyDenied", "newlyAllowed"), "policy.apply": of("version", "author", "reason"),
		"policy.apply_alone": of("version", "author", "reason"), "policy.reject": of("author"), "policy.withdraw": of("author"),
		"access.view_as": of("user", "name"), "access.view_end": of("user", "name"),
	}
}
