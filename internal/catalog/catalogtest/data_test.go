package catalogtest_test

import (
	"reflect"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/catalog"
	"sphera/internal/catalog/catalogtest"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

func TestLoad(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		c := catalog.New(db, audit.New(time.Now), time.Now).Guard(catalogtest.Anybody())
		d := catalogtest.New(1, 1000)
		if err := d.Load(t.Context(), c, nil); err != nil {
			t.Fatal(err)
		}
		var entities, relations int
		if err := db.Read().QueryRowContext(t.Context(), "SELECT (SELECT COUNT(*) FROM entities), (SELECT COUNT(*) FROM entity_relations)").Scan(&entities, &relations); err != nil {
			t.Fatal(err)
		}
		if entities != 1000 || d.Total() != 1000 || relations < 2700 || relations > 3300 {
			t.Errorf("%d entities, %d relations; want 1000 and about 3000", entities, relations)
		}
	})
}

// Half a million entities have different names, and the same seed makes the
// same ones.
func TestNamesAreUniqueAndStable(t *testing.T) {
	d, again := catalogtest.New(1, 500_000), catalogtest.New(1, 500_000)
	for _, blueprint := range d.Order() {
		seen := map[string]bool{}
		for i := range d.Count(blueprint) {
			name := d.Name(blueprint, i)
			if seen[name] {
				t.Fatalf("%s: %s comes twice", blueprint, name)
			}
			seen[name] = true
		}
		if a, b := d.Entity(blueprint, 3, 1), again.Entity(blueprint, 3, 1); !reflect.DeepEqual(a, b) {
			t.Errorf("%s differs: %+v %+v", blueprint, a, b)
		}
		if a, b := d.Entity(blueprint, 3, 0), d.Entity(blueprint, 3, 1); reflect.DeepEqual(a.Properties, b.Properties) || !reflect.DeepEqual(a.Relations, b.Relations) {
			t.Errorf("%s: versions differ in properties and in nothing else", blueprint)
		}
	}
}
