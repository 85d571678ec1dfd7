package api_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"sphera/internal/approval"
	"sphera/internal/audit"
	"sphera/internal/automation"
	"sphera/internal/catalog"
	"sphera/internal/catalog/catalogtest"
	"sphera/internal/change"
	"sphera/internal/flag"
	"sphera/internal/portapi"
	"sphera/internal/run"
	"sphera/internal/runtime"
	"sphera/internal/secret"
	"sphera/internal/source"
	"sphera/internal/store"
	"sphera/internal/store/storetest"
	"sphera/internal/view"
)

// renameWorld has one of everything that names parts of the catalog.
type renameWorld struct {
	*catalog.Catalog
	t  *testing.T
	db *store.DB
}

// kept is what there is before: statements, and how each is read back.
func kept() map[string]struct{ insert, read string } {
	const resource = "INSERT INTO resources (kind, parent, identifier, doc, revision, created_at, updated_at, created_by, updated_by) VALUES "
	one := func(kind, id, doc string) struct{ insert, read string } {
		return struct{ insert, read string }{
			resource + "('" + kind + "', '', '" + id + "', '" + doc + "', 1, 0, 0, 'x', 'x')",
			"SELECT doc FROM resources WHERE kind = '" + kind + "'",
		}
	}
	return map[string]struct{ insert, read string }{
		"webhook":     one("webhook", "ci", `{"mappings":[{"blueprint":"System","filter":".body.tier == 1","entity":{"identifier":".body.id","properties":{"tier":".body.kind"},"relations":{"part":"\"cart\""}}}]}`),
		"integration": one("integration", "k8s", `{"config":{"resources":[{"kind":"x","port":{"entity":{"mappings":[{"identifier":".a","blueprint":"\"System\"","properties":{"tier":".spec"},"relations":{"part":".b"}}]}}}]}}`),
		"page":        one("page", "SystemEntity", `{"type":"entity","blueprint":"System","widgets":[{"type":"pie","blueprint":"System","property":"property#tier"},{"dataset":{"combinator":"and","rules":[{"property":"$blueprint","operator":"=","value":"System"},{"relation":"part","operator":"=","value":"cart"}]}}]}`),
		"action":      one("action", "scale", `{"trigger":{"type":"self-service","operation":"DAY-2","blueprintIdentifier":"System","condition":{"type":"SEARCH","combinator":"and","rules":[{"property":"tier","operator":"=","value":"1"},{"relation":"part","operator":"=","value":"cart"}]}},"invocationMethod":{"type":"WEBHOOK","url":"https://x","body":{"a":"{{ .entity.properties.tier }}","b":"{{ .entity.relations.part }}"}}}`),
		"rights":      one("action_permissions", "scale", `{"execute":{"policy":{"queries":{"q":{"combinator":"and","rules":[{"property":"$blueprint","operator":"=","value":"System"},{"property":"tier","operator":"=","value":"1"},{"relation":"part","operator":"=","value":"cart"}]}},"conditions":["true"]}}}`),
		"view": {
			"INSERT INTO views (id, blueprint, list, owner, owner_name, name, state, shared, created_at, updated_at) VALUES ('1', 'System', '', 'x', 'X', 'mine', 'sort=-tier&cols=tier%2Cpart&filter=%7B%22rules%22%3A%5B%7B%22relation%22%3A%22part%22%2C%22operator%22%3A%22in%22%2C%22value%22%3A%5B%22cart%22%5D%7D%5D%7D', 1, 0, 0)",
			"SELECT blueprint || ' ' || state FROM views",
		},
		"rule": {
			`INSERT INTO approval_rules (id, position, name, enabled, effect, doc, created_by, created_at, updated_by, updated_at) VALUES ('1', 1, 'r', 1, 'ask',
			 '{"name":"r","effect":"ask","match":{"blueprints":["System"],"entity":{"combinator":"and","rules":[{"property":"tier","operator":"=","value":"1"},{"relation":"part","operator":"=","value":"cart"}]}}}', 'x', 0, 'x', 0)`,
			"SELECT doc FROM approval_rules",
		},
		"hold": {
			"INSERT INTO approval_holds (id, action, environment, entity, reason, created_by, created_at, until_at) VALUES ('1', '', '', 'Component/cart', '', '', 0, 0), ('2', '', '', 'System/shop', '', '', 0, 0)",
			"SELECT MIN(entity) || ' ' || MAX(entity) FROM approval_holds",
		},
		"timer":       {"INSERT INTO automation_timers (entity, blueprint, property, at) VALUES (1, 'System', 'tier', 0)", "SELECT blueprint || ' ' || property FROM automation_timers"},
		"runs":        {"INSERT INTO runs (id, action, title, entity, state, input, plan_id, actor_id, actor, locks, entities, steps_total, undoable, created_at) VALUES ('1', 'a', 'a', '', 'succeeded', '{}', '', '', '', '[]', '[]', 0, 0, 0)", "SELECT id FROM runs"},
		"runs of":     {"INSERT INTO run_entities (entity, run_id) VALUES ('System/shop', '1'), ('Component/cart', '1')", "SELECT MIN(entity) || ' ' || MAX(entity) FROM run_entities"},
		"flags":       {`INSERT INTO flag_projects (key, service, created_at, created_by, run_id, settings) VALUES ('p', 'cart', 0, '', '', '{"populationBlueprint":"System"}')`, "SELECT service || settings FROM flag_projects"},
		"slots":       {"INSERT INTO secret_slots (service, environment, name, created_at, created_by, run_id) VALUES ('cart', 'dev', 'A', 0, '', '')", "SELECT service FROM secret_slots"},
		"told":        {"INSERT INTO change_destinations (destination, url, done, attempts, next_at, state) VALUES ('blueprint/System', '', 7, 0, 0, '')", "SELECT destination FROM change_destinations"},
		"permissions": {`UPDATE blueprints SET permissions = '{"entities":{"blocks":{"read":{"users":[],"roles":[],"teams":[],"ownedByTeam":false,"policy":{"combinator":"and","rules":[{"property":"tier","operator":"=","value":"1"},{"relation":"part","operator":"=","value":"cart"}]}}},"updateProperties":{"tier":{"users":["a@example.com"],"roles":[],"teams":[],"ownedByTeam":false}},"updateRelations":{"part":{"users":[],"roles":["Admin"],"teams":[],"ownedByTeam":false}}}}' WHERE identifier = 'System'`, "SELECT permissions FROM blueprints WHERE CAST(permissions AS TEXT) <> '{}' AND identifier <> 'Component'"},
		"others": {
			`UPDATE blueprints SET permissions = '{"entities":{"blocks":{"read":{"users":[],"roles":[],"teams":[],"ownedByTeam":false,"policy":{"combinator":"and","rules":[{"operator":"relatedTo","blueprint":"System","value":"shop"}]}}}}}' WHERE identifier = 'Component'`,
			"SELECT permissions FROM blueprints WHERE identifier = 'Component'",
		},
		"scorecard": {
			`INSERT INTO scorecards (blueprint, identifier, position, doc, created_at, updated_at, created_by, updated_by) VALUES ('System', 'ready', 1,
			 '{"identifier":"ready","title":"Ready","levels":[{"title":"Basic"},{"title":"Gold"}],"filter":{"combinator":"and","conditions":[{"property":"tier","operator":"isNotEmpty"}]},"rules":[{"identifier":"r","title":"R","level":"Gold","query":{"combinator":"and","conditions":[{"relation":"part","operator":"isNotEmpty"},{"property":"tier","operator":"=","value":"1"}]}}]}', 0, 0, '', '')`,
			"SELECT doc FROM scorecards",
		},
	}
}

func newRenameWorld(t *testing.T, db *store.DB) *renameWorld {
	t.Helper()
	log, ctx := audit.New(time.Now), context.Background()
	quiet := slog.New(slog.DiscardHandler)
	c := catalog.New(db, log, time.Now).Guard(catalogtest.Anybody())
	w := &renameWorld{c, t, db}
	for _, b := range []string{"System", "Component"} {
		if _, _, err := c.PutBlueprint(ctx, catalog.Blueprint{Identifier: b, Title: b}, "x"); err != nil {
			t.Fatal(err)
		}
	}
	b := catalog.Blueprint{Identifier: "System", Title: "System"}
	b.Schema.Properties = map[string]catalog.Property{"tier": {Type: "string"}}
	b.Relations = map[string]catalog.Relation{"part": {Target: "Component"}}
	if _, _, err := c.PutBlueprint(ctx, b, "x"); err != nil {
		t.Fatal(err)
	}
	for _, ref := range [][2]string{{"Component", "cart"}, {"System", "shop"}} {
		if _, _, err := c.PutEntity(ctx, ref[0], catalog.NewEntity{Identifier: ref[1]}, catalog.Write{By: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Tx(ctx, func(tx *store.Tx) error {
		all := kept()
		for _, name := range append([]string{"runs"}, slices.DeleteFunc(keys(all), func(n string) bool { return n == "runs" })...) {
			if _, err := tx.ExecContext(ctx, all[name].insert); err != nil {
				t.Errorf("%s: %v", name, err)
				return err
			}
		}
		_, err := tx.ExecContext(ctx, "UPDATE catalog_model SET revision = revision + 1")
		return err
	}); err != nil {
		t.Fatal(err)
	}
	deps := audit.New(time.Now)
	c.FollowRenames(portapi.New(portapi.Deps{DB: db, Audit: deps, Catalog: c, Now: time.Now}).FollowRename, view.Open(db, deps, time.Now).FollowRename,
		(&approval.Service{Deps: approval.Deps{DB: db, Audit: deps, Now: time.Now}}).FollowRename, (&automation.Service{}).FollowRename,
		run.New(db, deps, quiet, run.Options{}).FollowRename, flag.Open(flag.Deps{DB: db, Audit: deps, Now: time.Now}).FollowRename,
		secret.New(db, deps, time.Now).FollowRename, source.New(db, c, deps, time.Now).FollowRename, change.New(change.Deps{DB: db}).FollowRename, runtime.FollowRename)
	return w
}

func keys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for key := range m {
		out = append(out, key)
	}
	slices.Sort(out)
	return out
}

func (w *renameWorld) read(name string) string {
	w.t.Helper()
	var text string
	if err := w.db.Read().QueryRowContext(context.Background(), kept()[name].read).Scan(&text); err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
	return strings.ReplaceAll(text, `": `, `":`)
}

// TestR46_RenamesCarryAlongWhatNamesThem renames one of each kind: the preview
// changes nothing and lists what the rename then changes.
func TestR46_RenamesCarryAlongWhatNamesThem(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		w, ctx := newRenameWorld(t, db), context.Background()
		for _, step := range []struct {
			name   string
			ask    catalog.RenameIn
			of     string
			do     func() error
			follow []string // of kept, with what then has to be there
			left   string
		}{
			{
				"property", catalog.RenameIn{What: "property", Old: "tier", New: "class"}, "System",
				func() error { _, err := w.RenameProperty(ctx, "System", "tier", "class", "x"); return err },
				[]string{
					`webhook "class":".body.kind"`, `integration "class":".spec"`, `page "property#class"`, `action "property":"class"`, `action .entity.properties.class`,
					`rights "property":"class"`, "view sort=-class", "view cols=class%2C", `rule "property":"class"`, "timer System class", `permissions "class":{`, `permissions "property":"class"`, `scorecard "property":"class"`,
				}, "webhook ci/mappings/0/filter",
			},
			{
				"relation", catalog.RenameIn{What: "relation", Old: "part", New: "piece"}, "System",
				func() error { _, err := w.RenameRelation(ctx, "System", "part", "piece", "x"); return err },
				[]string{
					`webhook "piece":`, `integration "piece":".b"`, `page "relation":"piece"`, `action "relation":"piece"`, `action .entity.relations.piece`, `rights "relation":"piece"`,
					"view class%2Cpiece", "view %22relation%22%3A%22piece%22", `rule "relation":"piece"`, `permissions "piece":{`, `permissions "relation":"piece"`, `scorecard "relation":"piece"`,
				}, "",
			},
			{
				"entity", catalog.RenameIn{What: "entity", Old: "cart", New: "basket"}, "Component",
				func() error {
					_, err := w.ReplaceEntity(ctx, "Component", "cart", catalog.NewEntity{Identifier: "basket"}, catalog.Write{By: "x", Merge: true})
					return err
				},
				[]string{
					`webhook "\"basket\""`, `page "value":"basket"`, `action "value":"basket"`, `rights "value":"basket"`, "view %22basket%22", `rule "value":"basket"`,
					"hold Component/basket", "runs of Component/basket", "flags basket", "slots basket", `permissions "value":"basket"`,
				}, "",
			},
			{
				"blueprint", catalog.RenameIn{What: "blueprint", New: "Platform"}, "System",
				func() error {
					b, err := w.Blueprint(ctx, "System")
					if err != nil {
						return err
					}
					b.Identifier = "Platform"
					_, _, err = w.SaveBlueprint(ctx, "System", b, catalog.BlueprintWrite{By: "x"})
					return err
				},
				[]string{
					`webhook "blueprint":"Platform"`, `integration "blueprint":"\"Platform\""`, `page "blueprint":"Platform"`, `page "value":"Platform"`, `action "blueprintIdentifier":"Platform"`,
					`rights "value":"Platform"`, "view Platform ", `rule "blueprints":["Platform"]`, "hold Platform/shop", "timer Platform class", "runs of Platform/shop",
					`flags "populationBlueprint":"Platform"`, "told blueprint/Platform", `others "blueprint":"Platform"`,
				}, "",
			},
		} {
			before := map[string]string{}
			for name := range kept() {
				before[name] = w.read(name)
			}
			preview, err := w.PreviewRename(ctx, step.of, step.ask)
			if err != nil || len(preview.Followed) < 5 {
				t.Fatalf("%s: preview %+v %v", step.name, preview, err)
			}
			if step.left != "" && !slices.Contains(preview.Left, step.left) {
				t.Errorf("%s: left %q, want %q in it", step.name, preview.Left, step.left)
			}
			for name, was := range before {
				if now := w.read(name); now != was {
					t.Errorf("%s: the preview changed %s to %s", step.name, name, now)
				}
			}
			if err := step.do(); err != nil {
				t.Fatalf("%s: %v", step.name, err)
			}
			for _, want := range step.follow {
				name, text, _ := strings.Cut(want, " ")
				if after, ok := strings.CutPrefix(want, "runs of "); ok {
					name, text = "runs of", after
				}
				if now := w.read(name); !strings.Contains(now, text) {
					t.Errorf("%s: %s has no %s: %s", step.name, name, text, now)
				}
			}
		}
		if id := w.read("page"); !strings.Contains(id, "Platform") {
			t.Error(id)
		}
		var page string
		if err := db.Read().QueryRowContext(ctx, "SELECT identifier FROM resources WHERE kind = 'page'").Scan(&page); err != nil || page != "PlatformEntity" {
			t.Errorf("the page of an entity is called %s %v", page, err)
		}
	})
}
