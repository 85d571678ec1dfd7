package catalog

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"sphera/internal/store"
)

// Export writes the catalog as files that Import reads: one per blueprint and
// entity, keys sorted. Exporting what was imported from an export gives the
// same bytes.
func (c *Catalog) Export(ctx context.Context) ([]ImportFile, error) {
	if err := c.may(ctx, VerbRead, ""); err != nil {
		return nil, err
	}
	sights, err := c.reading(ctx, "")
	if err != nil {
		return nil, err
	}
	blueprints, err := readBlueprints(ctx, c.db.Read())
	if err != nil {
		return nil, err
	}
	files := []ImportFile{}
	taken := map[string]bool{}
	for _, b := range blueprints {
		doc, err := b.document()
		if err != nil {
			return nil, err
		}
		if plain, err := plainSystem(b.Identifier, doc); err != nil || plain {
			if err != nil {
				return nil, err
			}
			continue // every catalog has it
		}
		content, err := pretty(doc)
		if err != nil {
			return nil, err
		}
		files = append(files, ImportFile{Name: freeName(taken, "blueprints/"+fileName(b.Identifier)), Content: content})
	}
	for _, b := range blueprints {
		s, err := newSchema(b)
		if err != nil {
			return nil, err
		}
		if strings.HasPrefix(b.Identifier, "_") {
			continue // people and teams are kept by sign-in, results are worked out
		}
		if files, err = c.exportEntities(ctx, sights, s, files, taken); err != nil {
			return nil, err
		}
	}
	return c.exportScorecards(ctx, files, taken)
}

func (c *Catalog) exportScorecards(ctx context.Context, files []ImportFile, taken map[string]bool) ([]ImportFile, error) {
	scorecards, err := c.Scorecards(ctx, "")
	if err != nil {
		return nil, err
	}
	for _, s := range scorecards {
		raw, err := json.Marshal(s.Doc)
		if err != nil {
			return nil, fmt.Errorf("encode scorecard %s: %w", s.Identifier, err)
		}
		var doc map[string]any // decoded, so that its keys are sorted at every level
		if err := json.Unmarshal(raw, &doc); err != nil {
			return nil, fmt.Errorf("encode scorecard %s: %w", s.Identifier, err)
		}
		doc["identifier"], doc["blueprint"] = s.Identifier, s.Blueprint
		content, err := pretty(doc)
		if err != nil {
			return nil, err
		}
		name := "scorecards/" + fileName(s.Blueprint) + "/" + fileName(s.Identifier)
		files = append(files, ImportFile{Name: freeName(taken, name), Content: content})
	}
	return files, nil
}

// exportEntities goes through a blueprint's entities in bounded parts.
func (c *Catalog) exportEntities(ctx context.Context, sights *sights, s *schema, files []ImportFile, taken map[string]bool) ([]ImportFile, error) {
	const part = 500
	after := ""
	for {
		rows, err := c.db.Read().QueryContext(ctx, "SELECT "+entityColumns+" FROM entities e WHERE e.blueprint = $1 AND e.pending = 0 AND e.identifier > $2 ORDER BY e.identifier LIMIT $3", s.Identifier, after, part)
		list, err := store.All(rows, err, scanStored)
		if err != nil {
			return nil, fmt.Errorf("export %s: %w", s.Identifier, err)
		}
		if err := readRelations(ctx, c.db.Read(), c.db.Dialect, list...); err != nil {
			return nil, err
		}
		read := len(list)
		if read > 0 {
			after = list[read-1].Identifier
		}
		if list, err = seenOf(ctx, sights, c.db.Read(), s.Identifier, list, func(r *stored) int64 { return r.id }); err != nil {
			return nil, err
		}
		for _, r := range list {
			content, err := pretty(s.exported(r.draft))
			if err != nil {
				return nil, err
			}
			name := "entities/" + fileName(s.Identifier) + "/" + fileName(r.Identifier)
			files = append(files, ImportFile{Name: freeName(taken, name), Content: content})
		}
		if read < part {
			return files, nil
		}
	}
}

// exported is an entity as it is exported: what is unset is left out, but for
// null where importing would fill in a default.
func (s *schema) exported(d draft) map[string]any {
	properties := map[string]any{}
	for name, p := range s.Schema.Properties {
		if v, set := d.Properties[name]; set || p.Default != nil {
			properties[name] = v
		}
	}
	relations := map[string]any{}
	for name, targets := range d.Relations {
		if s.Relations[name].Many {
			relations[name] = targets
		} else {
			relations[name] = targets[0]
		}
	}
	doc := map[string]any{"identifier": d.Identifier, "title": d.Title, "blueprint": s.Identifier, "properties": properties, "relations": relations}
	if d.Icon != "" {
		doc["icon"] = d.Icon
	}
	if len(d.Team) > 0 && s.inherits() == "" { // inherited ones are worked out
		doc["team"] = d.Team
	}
	return doc
}

func pretty(doc map[string]any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(doc); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return b.Bytes(), nil
}

// fileName makes a name that every file system takes: no separators, no
// leading dot, not too long.
func fileName(identifier string) string {
	var b strings.Builder
	for i, c := range []byte(identifier) {
		plain := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' && i > 0
		if plain {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	const most = 150
	if b.Len() > most {
		return b.String()[:most-18] + "~" + digest(identifier)
	}
	return b.String()
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:8])
}

// freeName keeps names apart on file systems that ignore case.
func freeName(taken map[string]bool, name string) string {
	free := name
	if taken[fold(free)] {
		free += "~" + digest(name)
	}
	taken[fold(free)] = true
	return free + ".json"
}
