package importer

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sphera/internal/catalog"
)

// putBlueprints merges the blueprints of the files into those there are and
// saves them as a set, so that they may point at each other.
func (in *load) putBlueprints(ctx context.Context) error {
	var list []catalog.Blueprint
	var items []*blueprintItem
	for _, item := range in.blueprints {
		merged, err := in.merge(item)
		if err != nil {
			in.refuse(item.Thing, "", "is not a blueprint: "+err.Error(), "Compare it with the description in docs/catalog.md.")
			delete(in.known, item.identifier)
			continue
		}
		list, items = append(list, merged), append(items, item)
	}
	results, err := in.saveBlueprints(ctx, list)
	if err != nil {
		return err
	}
	for i, r := range results {
		item := items[i]
		if r.Err != nil {
			delete(in.known, item.identifier)
			if !in.refuseFault(item.Thing, r.Err) {
				return r.Err
			}
			continue
		}
		in.known[item.identifier], item.verb = r.Blueprint, r.Verb
	}
	return nil
}

func (in *load) saveBlueprints(ctx context.Context, list []catalog.Blueprint) ([]catalog.BlueprintItem, error) {
	if in.staging != nil {
		return in.staging.Blueprints(ctx, list, in.o.By, in.o.RunID)
	}
	return in.b.PutBlueprints(ctx, list, in.o.By, in.o.RunID)
}

// putScorecards saves the scorecards of blueprints that were not refused.
func (in *load) putScorecards(ctx context.Context) error {
	for _, item := range in.scorecards {
		if _, ok := in.known[item.blueprint]; !ok {
			in.refuse(item.Thing, "/blueprint", fmt.Sprintf("there is no blueprint %q", short(item.blueprint)), "Import the blueprint with it.")
			continue
		}
		doc := maps.Clone(item.Scorecard)
		delete(doc, "blueprint")
		raw, err := json.Marshal(doc)
		if err != nil {
			return fmt.Errorf("encode scorecard %s: %w", item.identifier, err)
		}
		verb, err := in.b.PutScorecard(ctx, item.blueprint, raw, in.o.By)
		if err != nil {
			if !in.refuseFault(item.Thing, err) {
				return err
			}
			continue
		}
		item.verb = verb
	}
	return nil
}

// merge lays the document of a file over the blueprint there is.
func (in *load) merge(item *blueprintItem) (catalog.Blueprint, error) {
	sent := maps.Clone(item.Blueprint)
	if before, there := in.stored[item.identifier]; there && !in.o.Replace {
		doc, err := before.Document()
		if err != nil {
			return catalog.Blueprint{}, err
		}
		sent = mergeDocuments(doc, sent)
	}
	raw, err := json.Marshal(sent)
	if err != nil {
		return catalog.Blueprint{}, fmt.Errorf("encode: %w", err)
	}
	var merged catalog.Blueprint
	if err := json.Unmarshal(raw, &merged); err != nil {
		return catalog.Blueprint{}, readable(err)
	}
	return merged, nil
}

// readable words what encoding/json says about a wrong type.
func readable(err error) error {
	if wrong, ok := err.(*json.UnmarshalTypeError); ok { //nolint:errorlint // json returns it unwrapped
		return fmt.Errorf("%s is %s", strings.ReplaceAll(wrong.Field, ".", "/"), wrong.Value)
	}
	return err
}

// mergeDocuments lays sent over doc: the parts with names are merged by name,
// required names are added, anything else is replaced.
func mergeDocuments(doc, sent map[string]any) map[string]any {
	out := maps.Clone(doc)
	for key, value := range sent {
		part, isPart := value.(map[string]any)
		before, had := out[key].(map[string]any)
		switch {
		case key == "schema" && isPart && had:
			out[key] = mergeSchema(before, part)
		case slices.Contains(mergedKeys(), key) && isPart && had:
			merged := maps.Clone(before)
			maps.Copy(merged, part)
			out[key] = merged
		default:
			out[key] = value
		}
	}
	return out
}

func mergeSchema(before, sent map[string]any) map[string]any {
	out := maps.Clone(before)
	for key, value := range sent {
		switch key {
		case "properties":
			was, ok := before[key].(map[string]any)
			now, isMap := value.(map[string]any)
			if ok && isMap {
				merged := maps.Clone(was)
				maps.Copy(merged, now)
				value = merged
			}
		case "required":
			was, ok := before[key].([]any)
			now, isList := value.([]any)
			if ok && isList {
				merged := slices.Clone(was)
				for _, name := range now {
					if !slices.ContainsFunc(merged, func(v any) bool { return fmt.Sprint(v) == fmt.Sprint(name) }) {
						merged = append(merged, name)
					}
				}
				value = merged
			}
		}
		out[key] = value
	}
	return out
}

// weaker takes out of a blueprint what the catalog says already: its title, its
// ownership, and every property and relation of the same name.
func weaker(doc map[string]any, stored map[string]catalog.Blueprint, id string) map[string]any {
	there, ok := stored[id]
	if !ok {
		return doc
	}
	properties, relations := map[string]any{}, map[string]any{}
	schema, _ := doc["schema"].(map[string]any)
	sent, _ := schema["properties"].(map[string]any)
	for name, p := range sent {
		if _, known := there.Schema.Properties[name]; !known {
			properties[name] = p
		}
	}
	sent, _ = doc["relations"].(map[string]any)
	for name, r := range sent {
		if _, known := there.Relations[name]; !known {
			relations[name] = r
		}
	}
	return map[string]any{"identifier": id, "schema": map[string]any{"properties": properties}, "relations": relations}
}
