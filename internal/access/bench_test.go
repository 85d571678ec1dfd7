package access_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"sphera/internal/access"
	"sphera/internal/audit"
	"sphera/internal/auth"
	"sphera/internal/catalog"
	"sphera/internal/catalog/catalogtest"
)

// BenchmarkListPage measures a page of a list of 100,000 entities: without
// rights, for somebody who sees everything, for a contractor (a query) and
// where a policy looks at each entity. The rights add less than 5 ms.
func BenchmarkListPage(b *testing.B) {
	for _, engine := range []string{"sqlite", "postgres"} {
		w := catalogtest.Open(b, engine, 100_000)
		blueprint := largest(b, w.Catalog)
		people := auth.New(w.DB, audit.New(time.Now), time.Now)
		real := access.New(people, people.Policies(), w.SearchEnv).Catalog()
		contractor := person(auth.Developer, "checkout")
		contractor.Contractor = true
		looking := real
		looking.See = func(ctx context.Context, bp catalog.Blueprint) (catalog.View, error) {
			v, err := real.See(ctx, bp)
			v.Keep = access.Keeper(people.Policies(), contractor)
			return v, err
		}
		for _, c := range []struct {
			name   string
			access catalog.Access
			as     auth.Principal
		}{
			{"without rights", catalogtest.Anybody(), contractor},
			{"all seen", real, person(auth.Developer, "checkout")},
			{"by a query", real, contractor},
			{"each looked at", looking, person(auth.Developer, "checkout")},
		} {
			b.Run(engine+"/"+c.name, func(b *testing.B) {
				w.Guard(c.access)
				ctx := auth.WithPrincipal(b.Context(), c.as)
				for b.Loop() {
					if _, err := w.Search(ctx, catalog.Query{Blueprint: blueprint, Limit: 50, Sort: "$title"}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
		w.Guard(catalogtest.Anybody())
	}
}

func largest(b *testing.B, c *catalog.Catalog) string {
	b.Helper()
	list, err := c.Blueprints(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	best := list[0]
	for _, one := range list {
		if one.EntityCount > best.EntityCount {
			best = one
		}
	}
	b.Log(fmt.Sprint(best.Identifier, " has ", best.EntityCount))
	return best.Identifier
}
