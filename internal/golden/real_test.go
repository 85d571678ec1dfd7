package golden_test

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"time"

	"sphera/internal/audit"
	"sphera/internal/catalog"
	"sphera/internal/catalog/catalogtest"
	"sphera/internal/flag"
	"sphera/internal/forge"
	"sphera/internal/golden"
	"sphera/internal/runtime"
	"sphera/internal/secret"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
)

// TestContractOverTheRealThings holds the contract against the built-in forge,
// the catalog and the process runtime, whose answers for what is not there
// must be told from failures.
func TestContractOverTheRealThings(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		ctx, log := t.Context(), audit.New(time.Now)
		cat := catalog.New(db, log, time.Now).Guard(catalogtest.Anybody())
		for _, b := range []catalog.Blueprint{
			{Identifier: "Environment", Title: "Environment"}, {Identifier: "System", Title: "System"},
			{Identifier: "Component", Title: "Component", Schema: catalog.BlueprintSchema{Properties: map[string]catalog.Property{"type": {Type: "string"}}}, Relations: map[string]catalog.Relation{
				"environments": {Target: "Environment", Many: true}, "system": {Target: "System"},
			}},
		} {
			if _, _, err := cat.PutBlueprint(ctx, b, "ada"); err != nil {
				t.Fatal(err)
			}
		}
		put := func(blueprint string, e catalog.NewEntity) {
			t.Helper()
			if _, _, err := cat.PutEntity(ctx, blueprint, e, catalog.Write{Upsert: true, Merge: true, By: "ada"}); err != nil {
				t.Fatal(err)
			}
		}
		all := []any{}
		for _, e := range environments() {
			put("Environment", catalog.NewEntity{Identifier: e.ID})
			all = append(all, e.ID)
		}
		put("Component", catalog.NewEntity{Identifier: "checkout", Properties: map[string]any{"type": "service"}, Relations: map[string]any{"environments": all}})

		git, err := forge.NewBuiltin(db, log, t.TempDir(), forge.BuiltinOptions{Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := git.Close(); err != nil {
				t.Error(err)
			}
		})
		contracts := golden.Contract(golden.Deps{
			Forge: git, Catalog: cat, Flags: flag.New(db, log, time.Now), Secrets: secret.New(db, log, time.Now),
			Runtime:      runtime.NewProcess(db, log, slog.New(slog.DiscardHandler), t.TempDir(), runtime.ProcessOptions{Now: time.Now}),
			Environments: func(context.Context) ([]golden.Environment, error) { return environments(), nil },
		})
		check := func(service string, want ...string) {
			t.Helper()
			checks, err := contracts.Check(ctx, service)
			if err != nil {
				t.Fatalf("%s: %v", service, err)
			}
			var ok []string
			for _, c := range checks {
				if c.OK {
					ok = append(ok, c.Identifier)
				}
			}
			if !slices.Equal(ok, want) {
				t.Errorf("%s fulfils %v, want %v", service, ok, want)
			}
			if _, err := contracts.Missing(ctx, service); err != nil {
				t.Errorf("missing of %s: %v", service, err)
			}
		}
		check("nothing")
		check("checkout", "catalog-entity", "environments")
		s := service("go-http", "It checks out.")
		manifests, _ := golden.Manifests(s)
		for repo, files := range map[string][]forge.File{"checkout": nil, "ci-config": golden.CIConfig(s), "gitops": manifests} {
			if _, err := git.CreateRepository(ctx, forge.NewRepository{Name: repo, Key: "run-1"}); err != nil {
				t.Fatal(err)
			}
			if len(files) == 0 {
				continue // a repository without a commit
			}
			if _, err := git.Commit(ctx, repo, forge.NewCommit{Branch: "main", Message: "first", Author: forge.Portal(), Files: files, Bypass: true, Key: repo}); err != nil {
				t.Fatal(err)
			}
		}
		check("checkout", "catalog-entity", "environments", "repository", "ci-config", "manifests", "production")
		if _, err := git.Commit(ctx, "checkout", forge.NewCommit{Branch: "main", Message: "first", Author: forge.Portal(), Files: render(t, s), Bypass: true, Key: "files"}); err != nil {
			t.Fatal(err)
		}
		check("checkout", "catalog-entity", "environments", "repository", "routes", "openapi", "dockerfile", "ci-workflow", "ci-config", "manifests", "production")
	})
}
