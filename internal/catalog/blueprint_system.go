package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"sphera/internal/fault"
)

// systemBlueprints are the blueprints of the catalog itself. People may add to
// them; what is here stays. They come in the order in which they can be made.
func systemBlueprints() []string {
	return []string{
		`{"identifier":"_team","title":"Team","icon":"Team","description":"A team of the organization","schema":{"properties":{
			"description":{"type":"string","title":"Description"},
			"size":{"type":"number","title":"Size"}},"required":[]},
			"relations":{"parent_team":{"title":"Parent team","target":"_team","required":false,"many":false}},
			"mirrorProperties":{},"calculationProperties":{},"aggregationProperties":{}}`,
		`{"identifier":"_user","title":"User","icon":"User","description":"A person of the organization","schema":{"properties":{
			"status":{"type":"string","title":"Status","enum":["Active","Disabled","Invited","Staged"],"enumColors":{"Active":"green","Disabled":"red","Invited":"yellow","Staged":"lightGray"}},
			"port_role":{"type":"string","title":"Role","enum":["Admin","Member"],"enumColors":{"Admin":"purple","Member":"blue"}},
			"port_type":{"type":"string","title":"Type","enum":["Standard","Service Account"],"enumColors":{"Standard":"blue","Service Account":"lightGray"}},
			"moderated_blueprints":{"type":"array","title":"Moderated blueprints","items":{"type":"string","format":"blueprints"}},
			"picture":{"type":"string","title":"Picture","format":"url"}},"required":[]},
			"relations":{},"mirrorProperties":{},"calculationProperties":{},"aggregationProperties":{},"ownership":{"type":"Direct","title":"Teams"}}`,
		`{"identifier":"_scorecard","title":"Scorecard","icon":"Scorecards","schema":{"properties":{
			"blueprint":{"type":"string","title":"Blueprint","format":"blueprints"},
			"levels":{"type":"array","title":"Levels","items":{"type":"object"}},
			"filter":{"type":"object","title":"Filter"},
			"rules_tested":{"type":"number","title":"Rules tested"},
			"rules_passed":{"type":"number","title":"Rules passed"},
			"percentage":{"type":"number","title":"Rules passed in per cent"}},"required":[]},
			"relations":{},"mirrorProperties":{},"calculationProperties":{},"aggregationProperties":{}}`,
		`{"identifier":"_rule","title":"Rule","icon":"Scorecards","schema":{"properties":{
			"level":{"type":"string","title":"Level"},
			"query":{"type":"object","title":"Query"},
			"rule_description":{"type":"string","title":"Description"},
			"entities_tested":{"type":"number","title":"Entities tested"},
			"entities_passed":{"type":"number","title":"Entities passed"}},"required":[]},
			"relations":{"scorecard":{"title":"Scorecard","target":"_scorecard","required":true,"many":false}},
			"mirrorProperties":{},"calculationProperties":{},"aggregationProperties":{}}`,
		`{"identifier":"_rule_result","title":"Rule result","icon":"Scorecards","schema":{"properties":{
			"result":{"type":"string","title":"Result","enum":["Passed","Not passed"],"enumColors":{"Passed":"green","Not passed":"red"}},
			"entity":{"type":"string","title":"Entity"},
			"blueprint":{"type":"string","title":"Blueprint","format":"blueprints"},
			"scorecard":{"type":"string","title":"Scorecard"},
			"level":{"type":"string","title":"Level"},
			"evidence":{"type":"array","title":"What was compared","items":{"type":"object"}},
			"result_last_change":{"type":"string","title":"Last change","format":"date-time"}},"required":[]},
			"relations":{"rule":{"title":"Rule","target":"_rule","required":true,"many":false}},
			"mirrorProperties":{},"calculationProperties":{},"aggregationProperties":{}}`,
	}
}

func isSystem(id string) bool {
	return slices.Contains([]string{"_team", "_user", "_scorecard", "_rule", "_rule_result"}, id)
}

// SystemStructure is what of a system blueprint cannot be taken away.
func SystemStructure(id string) (Blueprint, error) {
	for _, doc := range systemBlueprints() {
		var b Blueprint
		if err := json.Unmarshal([]byte(doc), &b); err != nil {
			return b, fmt.Errorf("system blueprint: %w", err)
		}
		if b.Identifier == id {
			b.complete()
			return b, nil
		}
	}
	return Blueprint{}, fault.New(fault.NotFound, "There is no system blueprint %q.", id)
}

// withSystemBase puts back what somebody left out of a system blueprint, or
// changed of it. Titles, icons and descriptions may differ.
func withSystemBase(b Blueprint) (Blueprint, error) {
	if !isSystem(b.Identifier) {
		return b, nil
	}
	base, err := SystemStructure(b.Identifier)
	if err != nil {
		return b, err
	}
	b.complete()
	b.Schema.Properties, b.Relations = maps.Clone(b.Schema.Properties), maps.Clone(b.Relations)
	for name, p := range base.Schema.Properties {
		if sent, ok := b.Schema.Properties[name]; !ok || sent.Type != p.Type {
			b.Schema.Properties[name] = p
		}
	}
	for name, r := range base.Relations {
		if sent, ok := b.Relations[name]; !ok || sent.Target != r.Target || sent.Many != r.Many {
			b.Relations[name] = r
		}
	}
	if b.Ownership == nil {
		b.Ownership = base.Ownership
	}
	return b, nil
}

// EnsureSystem makes the system blueprints that are missing, and gives those
// from an older version what is new in this one.
func (c *Catalog) EnsureSystem(ctx context.Context) error {
	if err := c.may(ctx, VerbMaintain, ""); err != nil {
		return err
	}
	for _, doc := range systemBlueprints() {
		var b Blueprint
		if err := json.Unmarshal([]byte(doc), &b); err != nil {
			return fmt.Errorf("system blueprint: %w", err)
		}
		known, err := readBlueprint(ctx, c.db.Read(), b.Identifier, "")
		if err == nil {
			b = known
		} else if !fault.Is(err, fault.NotFound) {
			return err
		}
		if _, _, err := c.SaveBlueprint(ctx, b.Identifier, b, BlueprintWrite{By: "system", system: true}); err != nil {
			return fmt.Errorf("make %s: %w", b.Identifier, err)
		}
	}
	return nil
}

// plainSystem tells whether a document is a system blueprint that nobody has
// added anything to.
func plainSystem(id string, doc map[string]any) (bool, error) {
	if !isSystem(id) {
		return false, nil
	}
	base, err := SystemStructure(id)
	if err != nil {
		return false, err
	}
	own, err := base.document()
	return err == nil && sameJSON(any(own), any(doc)), err
}
