package catalog_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"sphera/internal/catalog"
	"sphera/internal/store"
)

// Updates write only the indexed columns that differ. However an entity came to
// be what it is, its columns are those of one that was written in one go.
func TestColumnsDoNotDependOnThePast(t *testing.T) {
	each(t, func(t *testing.T, c *fixture) {
		schema := func(id, more string) {
			c.blueprint(`{"identifier":"` + id + `","title":"T","schema":{"properties":{"lang":{"type":"string","enum":["go","node"]},"load":{"type":"number"},"live":{"type":"boolean"},"note":{"type":"string"}` + more + `}},
				"calculationProperties":{"hot":{"type":"boolean","calculation":".properties.load > 5"}}}`)
		}
		put := func(blueprint, what string, docs ...string) {
			var list []catalog.NewEntity
			for i, doc := range docs {
				var n catalog.NewEntity
				if err := json.Unmarshal(fmt.Appendf(nil, `{"identifier":"e%d",%s`, i, doc[1:]), &n); err != nil {
					t.Fatal(what, err)
				}
				list = append(list, n)
			}
			items, err := c.PutMany(context.Background(), blueprint, list, catalog.Write{Upsert: true, Merge: true, By: "dana"})
			if err != nil {
				t.Fatal(what, err)
			}
			for _, item := range items {
				if item.Err != nil {
					t.Fatal(what, item.Err, details(item.Err))
				}
			}
		}
		schema("past", "")
		schema("once", "")
		put("past", "first", `{"title":"One","properties":{"lang":"go","load":1,"live":true,"note":"a"}}`, `{"title":"Two","icon":"Box","properties":{"lang":"node","load":9}}`, `{"title":"Three","properties":{"note":"c"}}`)
		put("past", "second", `{"title":"ONE","properties":{"load":7}}`, `{"icon":"","properties":{"lang":"go","load":null}}`, `{"properties":{"note":"d","live":false}}`)
		schema("past", `,"later":{"type":"string"}`) // its column is filled in the background
		schema("once", `,"later":{"type":"string"}`)
		put("past", "third", `{"properties":{"later":"x"}}`, `{"properties":{"later":"y","note":"z"}}`, `{"properties":{"live":true,"note":null}}`)
		put("past", "fourth", `{"properties":{"later":"x","note":"b"}}`, `{"title":"2","properties":{"later":null}}`, `{"properties":{"live":true,"load":0}}`)
		put("once", "at once", `{"title":"ONE","properties":{"lang":"go","load":7,"live":true,"note":"b","later":"x"}}`, `{"title":"2","icon":"Box","properties":{"lang":"go","note":"z"}}`, `{"title":"Three","properties":{"live":true,"load":0}}`)
		past, once := columns(t, c.db, "past"), columns(t, c.db, "once")
		if past != once {
			t.Errorf("columns differ:\n%s\nwritten at once:\n%s", past, once)
		}
	})
}

func columns(t *testing.T, db *store.DB, blueprint string) string {
	t.Helper()
	names := "identifier title title_fold icon s1 s2 s3 s4 s5 s6 s7 s8 s9 s10 n1 n2 n3 n4 n5 n6 n7 n8"
	rows, err := db.Read().QueryContext(context.Background(), "SELECT "+strings.ReplaceAll(names, " ", ", ")+" FROM entities WHERE blueprint = $1 ORDER BY identifier", blueprint)
	list, err := store.All(rows, err, func(row interface{ Scan(...any) error }) (string, error) {
		values := make([]any, len(strings.Fields(names)))
		into := make([]any, len(values))
		for i := range values {
			into[i] = &values[i]
		}
		err := row.Scan(into...)
		return fmt.Sprint(values...), err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(list, "\n")
}
