package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"sphera/internal/fault"
)

// metaKeys are written by the catalog; a file may have them from an export of
// another program, and they say nothing here.
func metaKeys() []string {
	return []string{"createdAt", "updatedAt", "createdBy", "updatedBy", "entityCount", "scorecards"}
}

// mergedKeys are the parts of a blueprint that an import merges by name.
func mergedKeys() []string {
	return []string{"relations", "mirrorProperties", "calculationProperties", "aggregationProperties", "formulaProperties"}
}

func (in *importer) readBlueprint(file string, root *node) {
	for _, m := range root.members {
		for _, known := range append(mergedKeys(), "identifier", "title", "description", "icon", "schema") {
			if m.key != known && strings.EqualFold(m.key, known) {
				in.refuse(file, root, "/"+m.key, fmt.Sprintf("is written %q", m.key), fmt.Sprintf("Write it %q: case counts in JSON.", known))
				return
			}
		}
	}
	id := root.get("identifier")
	if id == nil || id.kind != '"' {
		in.refuse(file, root, "/identifier", "has no identifier", "Give the blueprint an \"identifier\": "+blueprintRule+".")
		return
	}
	for _, other := range in.blueprints {
		if other.identifier == id.text {
			in.refuse(file, root, "/identifier", fmt.Sprintf("is the second blueprint %q; the first is in %s, line %d", id.text, other.file, other.root.line), "Keep one of them.")
			return
		}
	}
	in.blueprints = append(in.blueprints, &blueprintItem{file: file, root: root, identifier: id.text, verb: verbRefused})
}

// planBlueprints merges the blueprints of the files into those there are and
// checks the result as a whole, so that they may point at each other.
func (in *importer) planBlueprints(ctx context.Context) error {
	existing, err := readBlueprints(ctx, in.tx)
	if err != nil {
		return err
	}
	old := map[string]Blueprint{}
	for _, b := range existing {
		old[b.Identifier], in.names[b.Identifier] = b, true
		if in.known[b.Identifier], err = newSchema(b); err != nil {
			return err
		}
	}
	for _, item := range in.blueprints {
		in.names[item.identifier] = true
	}
	for _, item := range in.blueprints {
		before, there := old[item.identifier]
		if err := in.mergeBlueprint(item, before, there); err != nil {
			in.refuse(item.file, item.root, "", "is not a blueprint: "+err.Error(), "Compare it with the description in docs/catalog.md.")
			delete(in.known, item.identifier)
			continue
		}
		bad := checkBlueprint(item.merged, func(id string) bool { return in.names[id] })
		for _, p := range bad {
			in.refuse(item.file, item.root, p.Pointer, p.Problem, "Expected: "+p.Expected+".")
		}
		if len(bad) > 0 {
			delete(in.known, item.identifier)
			continue
		}
		if in.known[item.identifier], err = newSchema(item.merged); err != nil {
			return err
		}
		item.verb = verbCreate
		if there {
			item.verb = verbUpdate
		}
	}
	return nil
}

func (in *importer) mergeBlueprint(item *blueprintItem, before Blueprint, there bool) error {
	sent, _ := item.root.value().(map[string]any)
	for _, key := range metaKeys() {
		delete(sent, key)
	}
	if there {
		doc, err := before.document()
		if err != nil {
			return err
		}
		sent = mergeDocuments(doc, sent)
	}
	raw, err := json.Marshal(sent)
	if err != nil {
		return fmt.Errorf("encode: %w", err)
	}
	if err := json.Unmarshal(raw, &item.merged); err != nil {
		return readable(err)
	}
	return nil
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

// applyBlueprints saves the blueprints. What only shows then, values that do
// not fit a changed blueprint, becomes a refusal.
func (in *importer) applyBlueprints(ctx context.Context) error {
	for _, item := range in.blueprints {
		_, verb, err := in.c.saveBlueprint(ctx, in.tx, item.merged, in.o.By, in.o.RunID)
		if f, ok := fault.As(err); ok {
			for _, d := range f.Details {
				in.refuse(item.file, item.root, d.Field, d.Problem, "Expected: "+d.Expected+".")
			}
			if len(f.Details) == 0 {
				in.refuse(item.file, item.root, "", f.Message, "Change the blueprint.")
			}
			item.verb = verbRefused
			continue
		}
		if err != nil {
			return err
		}
		item.verb = verb
	}
	return nil
}
