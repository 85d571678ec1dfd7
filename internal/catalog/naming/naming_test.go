package naming_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"sphera/internal/catalog/naming"
)

func target(blueprint, relation string) string {
	return map[string]string{"svc.system": "system", "svc.peers": "svc", "system.owner": "_team"}[blueprint+"."+relation]
}

func change(kind naming.Kind, blueprint, old, now string) naming.Change {
	return naming.Change{Kind: kind, Blueprint: blueprint, Old: old, New: now, Target: target}
}

func TestR46_NamesInDocuments(t *testing.T) {
	property := change(naming.Property, "system", "tier", "class")
	relation := change(naming.Relation, "svc", "system", "partOf")
	blueprint := change(naming.Blueprint, "system", "system", "platform")
	entity := change(naming.Entity, "system", "shop", "store")
	for _, c := range []struct {
		name     string
		by       naming.Change
		of       string
		in, want string
		left     []string
	}{
		{"a rule of a query", property, "system", `{"combinator":"and","rules":[{"property":"tier","operator":"=","value":"tier"},{"combinator":"or","rules":[{"property":"tier","operator":"isEmpty"}]}]}`,
			`{"combinator":"and","rules":[{"property":"class","operator":"=","value":"tier"},{"combinator":"or","rules":[{"property":"class","operator":"isEmpty"}]}]}`, []string{"/rules/0/value"}},
		{"of another blueprint", property, "svc", `{"rules":[{"property":"tier","operator":"=","value":1}]}`, "", nil},
		{"of no blueprint in particular", property, "", `{"rules":[{"property":"tier","operator":"=","value":1}]}`, "", []string{"/rules/0/property"}},
		{"a query that says its blueprint", property, "", `{"combinator":"and","rules":[{"property":"$blueprint","operator":"=","value":"system"},{"property":"tier","operator":"=","value":1}]}`,
			`{"combinator":"and","rules":[{"property":"$blueprint","operator":"=","value":"system"},{"property":"class","operator":"=","value":1}]}`, nil},
		{"a mapping of a webhook", property, "", `{"mappings":[{"blueprint":"system","filter":".body.tier == 1","entity":{"identifier":".body.id","properties":{"tier":".body.kind","cost":".body.cost"}}},{"blueprint":"svc","entity":{"identifier":".x","properties":{"tier":".body.x"}}}]}`,
			`{"mappings":[{"blueprint":"system","filter":".body.tier == 1","entity":{"identifier":".body.id","properties":{"class":".body.kind","cost":".body.cost"}}},{"blueprint":"svc","entity":{"identifier":".x","properties":{"tier":".body.x"}}}]}`, []string{"/mappings/0/filter"}},
		{"a mapping of an integration", property, "", `{"config":{"resources":[{"kind":"x","port":{"entity":{"mappings":[{"identifier":".a","blueprint":"\"system\"","properties":{"tier":".spec"}}]}}}]}}`,
			`{"config":{"resources":[{"kind":"x","port":{"entity":{"mappings":[{"identifier":".a","blueprint":"\"system\"","properties":{"class":".spec"}}]}}}]}}`, nil},
		{"widgets", property, "", `{"widgets":[{"type":"pie","title":"tier","blueprint":"system","property":"property#tier"},{"blueprintConfig":{"system":{"groupSettings":{"groupBy":["tier"]},"sortSettings":{"sortBy":[{"property":"tier","order":"asc"}]}}}}]}`,
			`{"widgets":[{"type":"pie","title":"tier","blueprint":"system","property":"property#class"},{"blueprintConfig":{"system":{"groupSettings":{"groupBy":["class"]},"sortSettings":{"sortBy":[{"property":"class","order":"asc"}]}}}}]}`, nil},
		{"an action", property, "", `{"trigger":{"type":"self-service","blueprintIdentifier":"system","condition":{"type":"SEARCH","rules":[{"property":"tier","operator":"=","value":"1"}]},"userInputs":{"properties":{"tier":{"type":"string"}}}},"invocationMethod":{"type":"WEBHOOK","url":"https://x","body":{"a":"{{ .entity.properties.tier }}","b":"{{ .inputs.tier }}","c":"{{ .entity | .properties.tier }}"}}}`,
			`{"trigger":{"type":"self-service","blueprintIdentifier":"system","condition":{"type":"SEARCH","rules":[{"property":"class","operator":"=","value":"1"}]},"userInputs":{"properties":{"tier":{"type":"string"}}}},"invocationMethod":{"type":"WEBHOOK","url":"https://x","body":{"a":"{{ .entity.properties.class }}","b":"{{ .inputs.tier }}","c":"{{ .entity | .properties.tier }}"}}}`,
			[]string{"/invocationMethod/body/b", "/invocationMethod/body/c"}},
		{"an automation", property, "", `{"trigger":{"type":"automation","event":{"type":"TIMER_PROPERTY_EXPIRED","blueprintIdentifier":"system","propertyIdentifier":"tier"},"condition":{"type":"JQ","expressions":[".diff.before.properties.tier != .diff.after.properties[\"tier\"]"]}},"invocationMethod":{"type":"UPSERT_ENTITY","blueprintIdentifier":"svc","mapping":{"identifier":"x","properties":{"tier":"{{ .event.diff.after.properties.tier }}"}}}}`,
			`{"trigger":{"type":"automation","event":{"type":"TIMER_PROPERTY_EXPIRED","blueprintIdentifier":"system","propertyIdentifier":"class"},"condition":{"type":"JQ","expressions":[".diff.before.properties.class != .diff.after.properties.class"]}},"invocationMethod":{"type":"UPSERT_ENTITY","blueprintIdentifier":"svc","mapping":{"identifier":"x","properties":{"tier":"{{ .event.diff.after.properties.class }}"}}}}`, nil},
		{"a relation in rules, paths and mappings", relation, "svc", `{"rules":[{"relation":"system","operator":"=","value":"a"},{"property":{"path":["peers",{"relation":"system","maxHops":2}]},"operator":"matchAny","value":"a"},{"property":{"path":["system"],"fromBlueprint":"system"},"operator":"matchAny","value":"a"}],"entity":{"identifier":".x","relations":{"system":".s"}}}`,
			`{"rules":[{"relation":"partOf","operator":"=","value":"a"},{"property":{"path":["peers",{"relation":"partOf","maxHops":2}]},"operator":"matchAny","value":"a"},{"property":{"path":["system"],"fromBlueprint":"system"},"operator":"matchAny","value":"a"}],"entity":{"identifier":".x","relations":{"partOf":".s"}}}`, nil},
		{"a blueprint", blueprint, "", `{"type":"system","blueprint":"system","x":{"blueprint":"'system'"},"dataset":{"rules":[{"property":"$blueprint","operator":"in","value":["system","svc"]},{"operator":"relatedTo","blueprint":"system","value":"system"},{"property":{"path":["owner"],"fromBlueprint":"system"},"operator":"matchAny","value":"a"}]},"match":{"blueprints":["svc","system"]},"filter":".kind == \"system\""}`,
			`{"type":"system","blueprint":"platform","x":{"blueprint":"'platform'"},"dataset":{"rules":[{"property":"$blueprint","operator":"in","value":["platform","svc"]},{"operator":"relatedTo","blueprint":"platform","value":"system"},{"property":{"path":["owner"],"fromBlueprint":"platform"},"operator":"matchAny","value":"a"}]},"match":{"blueprints":["svc","platform"]},"filter":".kind == \"system\""}`, []string{"/filter"}},
		{"an entity", entity, "svc", `{"rules":[{"relation":"system","operator":"in","value":["shop","x"]},{"operator":"relatedTo","blueprint":"system","value":"shop"},{"property":{"path":["peers","system"]},"operator":"matchAny","value":"shop"},{"property":"$identifier","operator":"=","value":"shop"}],"entity":{"identifier":".x","relations":{"system":"\"shop\""}}}`,
			`{"rules":[{"relation":"system","operator":"in","value":["store","x"]},{"operator":"relatedTo","blueprint":"system","value":"store"},{"property":{"path":["peers","system"]},"operator":"matchAny","value":"store"},{"property":"$identifier","operator":"=","value":"shop"}],"entity":{"identifier":".x","relations":{"system":"\"store\""}}}`, nil},
		{"a team", change(naming.Entity, "_team", "core", "base"), "", `{"read":{"teams":["core","x"],"users":["core"]},"rules":[{"property":"$team","operator":"in","value":["core"]}]}`,
			`{"read":{"teams":["base","x"],"users":["core"]},"rules":[{"property":"$team","operator":"in","value":["base"]}]}`, nil},
		{"a property of who asks", change(naming.Property, "_user", "tier", "class"), "svc", `{"rules":[{"property":"x","operator":"=","value":{"context":"user","property":"tier"}},{"property":"tier","operator":"=","value":1}]}`,
			`{"rules":[{"property":"x","operator":"=","value":{"context":"user","property":"class"}},{"property":"tier","operator":"=","value":1}]}`, nil},
		{"numbers stay as they are", property, "system", `{"rules":[{"property":"tier","operator":"=","value":12345678901234567890.10}]}`, `{"rules":[{"property":"class","operator":"=","value":12345678901234567890.10}]}`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, changed, left, err := c.by.JSON([]byte(c.in), c.of)
			if err != nil || changed != (c.want != "") {
				t.Fatalf("changed %v %v: %s", changed, err, out)
			}
			want := c.want
			if want == "" {
				want = c.in
			}
			if !same(t, out, []byte(want)) {
				t.Errorf("got\n%s\nwant\n%s", out, want)
			}
			if !slices.Equal(left, c.left) {
				t.Errorf("left %q, want %q", left, c.left)
			}
		})
	}
}

func same(t *testing.T, a, b []byte) bool {
	t.Helper()
	var x, y any
	if err := json.Unmarshal(a, &x); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &y); err != nil {
		t.Fatal(err)
	}
	return reflect.DeepEqual(x, y)
}

func TestR46_NamesInViews(t *testing.T) {
	state := "q=tier&filter=%7B%22combinator%22%3A%22and%22%2C%22rules%22%3A%5B%7B%22property%22%3A%22tier%22%2C%22operator%22%3A%22%3D%22%2C%22value%22%3A%221%22%7D%5D%7D&sort=-tier&cols=%24title%2Ctier%2Ctiers&w=tier%3A120&group=tier"
	want := "q=tier&filter=%7B%22combinator%22%3A%22and%22%2C%22rules%22%3A%5B%7B%22operator%22%3A%22%3D%22%2C%22property%22%3A%22class%22%2C%22value%22%3A%221%22%7D%5D%7D&sort=-class&cols=%24title%2Cclass%2Ctiers&w=class%3A120&group=class"
	c := change(naming.Property, "system", "tier", "class")
	if got, changed := c.ViewState(state, "system"); !changed || got != want {
		t.Errorf("%v\n got %s\nwant %s", changed, got, want)
	}
	if got, changed := c.ViewState(state, "svc"); changed || got != state {
		t.Errorf("another blueprint's: %s", got)
	}
	byRelation := "filter=%7B%22rules%22%3A%5B%7B%22relation%22%3A%22system%22%2C%22operator%22%3A%22in%22%2C%22value%22%3A%5B%22shop%22%5D%7D%5D%7D"
	if got, changed := change(naming.Entity, "system", "shop", "store").ViewState(byRelation, "svc"); !changed || got != "filter=%7B%22rules%22%3A%5B%7B%22operator%22%3A%22in%22%2C%22relation%22%3A%22system%22%2C%22value%22%3A%5B%22store%22%5D%7D%5D%7D" {
		t.Errorf("an entity: %s", got)
	}
}
