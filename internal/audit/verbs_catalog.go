package audit

func catalogVerbs() map[string]Verb {
	bulk := of("created", "updated", "derived", "failed", "firstVersion", "lastVersion")
	source := of("brakeMin", "brakePercent", "expectEvery")
	sweep := of("sweep", "reason", "entities", "generation")
	return map[string]Verb{
		"entity.create": onEntity("changes", "omitted"), "entity.update": onEntity("changes", "omitted"),
		"entity.delete": onEntity("changes", "omitted"), "entity.restore": onEntity("changes", "omitted"),
		"entity.bulk": bulk, "entity.bulk-delete": of("deleted", "emptied", "derived", "firstVersion", "lastVersion"),

		"blueprint.create": of("changes", "omitted"), "blueprint.update": of("changes", "omitted"),
		"blueprint.delete": of("changes", "omitted"), "blueprint.rename": of("changes", "omitted"), "blueprint.permissions": of("blocks"),
		"scorecard.create": of("before", "after"), "scorecard.update": of("before", "after"), "scorecard.delete": of("before", "after"),

		"catalog.export":   of("format", "files"),
		"catalog.import":   of("blueprints", "entities", "changed", "repairs"),
		"migration.create": of("blueprint", "deletesEntities", "deletesBlueprint"), "migration.cancel": of(),

		"source.update": source,
		"sweep.begin":   sweep, "sweep.complete": sweep, "sweep.hold": sweep, "sweep.fail": sweep, "sweep.approve": sweep, "sweep.reject": sweep, "sweep.withdraw": sweep,

		"view.create": of("name", "blueprint", "list", "shared"), "view.update": of("name", "blueprint", "list", "shared"), "view.delete": of("name", "blueprint", "list", "shared"),
	}
}

// resourceVerbs are of what is kept as documents; their values are never
// recorded, only which fields were written.
func resourceVerbs() map[string]Verb {
	out := map[string]Verb{
		"organization.update": of("fields"),
		"integration.resync":  of(), "webhook.retry": of(),
		"secret.create": of("fields"), "secret.update": of("fields"), "secret.delete": of("fields"), "secret.rotate": of("fields"),
		"secret_slot.create": onEntity("environment", "name"), "secret_slot.remove": onEntity("environment", "name"),
	}
	for _, kind := range []string{"action", "action_permissions", "page", "folder", "workflow", "integration", "webhook"} {
		for _, did := range []string{".create", ".update", ".delete"} {
			out[kind+did] = of("fields", "revision")
		}
	}
	return out
}
