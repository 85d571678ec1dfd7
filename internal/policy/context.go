package policy

// ContextField is one thing that a policy may ask of the context of an act. All
// but scopes are optional: ask "context has changed" first.
type ContextField struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Words string `json:"words"`
}

// ContextFields lists them.
func ContextFields() []ContextField {
	return []ContextField{
		{"scopes", "Set<String>", "the scopes of a token that cover the action; always there"},
		{"authAge", "Long", "seconds since the person last proved who it is"},
		{"changed", "Set<String>", "the properties and relations that a write changes; \"team\", \"title\", \"icon\" are among them"},
		{"newTeams", "Set<String>", "the teams that will own the entity after a write that changes them"},
		{"creates", "Bool", "the write makes a new entity"},
		{"deletes", "Bool", "the write deletes the entity"},
		{"action", "String", "the identifier of the action that is planned or run"},
		{"inputs", "Set<String>", "the inputs of an action as \"name=value\", simple values only"},
		{"cost", "Long", "what an action is expected to cost in a month, in whole units"},
		{"risk", "String", "\"low\", \"medium\" or \"high\""},
		{"step", "Long", "by how many percent points a rollout grows"},
		{"approvals", "Long", "how many distinct people have approved"},
		{"breakGlass", "Bool", "the person declared an emergency"},
	}
}
