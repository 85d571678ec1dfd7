package portal

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"sphera/internal/fault"
	"sphera/internal/flag"
)

const day = 24 * time.Hour

// demoFlag is a flag of the demo, as it came to be.
type demoFlag struct {
	service string
	in      flag.NewFlag
	// age is how long ago it was made.
	age time.Duration
	by  string
	// then are changes by environment kind, in this order.
	then []demoChange
}

type demoChange struct {
	kind, reason string
	patch        flag.Patch
}

func settings(title, kind, owner, description string, tags ...string) flag.Settings {
	return flag.Settings{Title: title, Kind: kind, Owner: owner, Description: description, Tags: tags, Type: flag.Boolean}
}

func shares(by string, on int) *flag.Serve {
	return &flag.Serve{By: by, Weights: []flag.Weight{{Variation: "on", Weight: on}, {Variation: "off", Weight: flag.Whole - on}}}
}

func on() flag.Patch {
	yes := true
	return flag.Patch{On: &yes}
}

// opened turns a flag on for a share of accounts.
func opened(share int) flag.Patch {
	p := on()
	p.Serve = shares("accountId", share)
	return p
}

// demoFlags are flags as a company has them: rollouts by account, a ramp, an
// experiment, a prerequisite, a kill switch, a permission, and one that was
// left behind.
func demoFlags(now time.Time) []demoFlag {
	ramp := opened(5_000)
	ramp.Serve.Ramp = &flag.Ramp{Variation: "on", Steps: []flag.RampStep{{At: now.Add(day).Truncate(time.Hour), Weight: 10_000}, {At: now.Add(3 * day).Truncate(time.Hour), Weight: 20_000}, {At: now.Add(7 * day).Truncate(time.Hour), Weight: 25_000}}}
	values := func(list ...string) (out []json.RawMessage) {
		for _, v := range list {
			out = append(out, json.RawMessage(v))
		}
		return out
	}
	staff := on()
	staff.Serve = shares("", 0)
	staff.Rules = &[]flag.Rule{
		{Name: "Our own people", Conditions: []flag.Condition{{Operator: flag.OpSegment, Segment: "staff"}}, Serve: flag.Serve{Variation: "on"}},
		{Name: "Large accounts in Europe", Conditions: []flag.Condition{{Attribute: "plan", Operator: flag.OpIs, Values: values(`"enterprise"`)}, {Attribute: "country", Operator: flag.OpIs, Values: values(`"DE"`, `"FR"`, `"NL"`)}}, Serve: *shares("accountId", 20_000)},
	}
	express := opened(20_000)
	express.Prerequisites = &[]flag.Prerequisite{{Flag: "delivery-slots.new-planner", Variations: []string{"on"}}}
	experiment := settings("Order of the search results", flag.Experiment, "products", "Which order sells more: by relevance, by price, or by what others bought.", "search")
	experiment.Type = flag.String
	experiment.Variations = []flag.Variation{{Name: "relevance", Value: json.RawMessage(`"relevance"`)}, {Name: "price", Value: json.RawMessage(`"price"`)}, {Name: "popular", Value: json.RawMessage(`"popular"`)}}
	experiment.ClientVisible = true
	thirds := on()
	thirds.Serve = &flag.Serve{By: "targetingKey", Weights: []flag.Weight{{Variation: "price", Weight: 15_000}, {Variation: "relevance", Weight: 70_000}, {Variation: "popular", Weight: 15_000}}}
	limits := settings("Limits of the importer", flag.Operational, "products", "How much of a price list is read at once.", "limits")
	limits.Type = flag.Object
	limits.Variations = []flag.Variation{{Name: "normal", Value: json.RawMessage(`{"rows":5000,"parallel":4}`)}, {Name: "careful", Value: json.RawMessage(`{"rows":500,"parallel":1}`)}}
	slots := settings("Express delivery", flag.Release, "checkout", "Slots of two hours; needs the new planner.", "delivery")
	slots.ClientVisible = true
	return []demoFlag{
		{"payment-service", flag.NewFlag{Key: "payment-service.card-retries", Settings: settings("Retry declined cards", flag.Release, "payments", "A second try with another provider when a card is declined.", "payments")}, 12 * day, "yael", []demoChange{
			{"dev", "works here", on()}, {"staging", "for the test team", on()}, {"production", "a first small share", ramp},
		}},
		{"payment-service", flag.NewFlag{Key: "payment-service.stop-refunds", Settings: settings("Stop refunds", flag.KillSwitch, "payments", "On stops all refunds at once. Use it when the provider pays out twice.", "safety")}, 200 * day, "yael", nil},
		{"payment-service", flag.NewFlag{Key: "payment-service.invoice-v2", Settings: settings("New invoices", flag.Release, "payments", "The layout of 2025. Everybody has it.", "invoices")}, 120 * day, "yael", []demoChange{
			{"dev", "begin", on()}, {"staging", "begin", on()}, {"production", "a quarter", opened(25_000)}, {"production", "half", opened(50_000)}, {"production", "three quarters", opened(75_000)}, {"production", "all accounts", opened(flag.Whole)},
		}},
		{"delivery-slots", flag.NewFlag{Key: "delivery-slots.new-planner", Settings: settings("New route planner", flag.Release, "checkout", "Plans routes with live traffic.", "delivery")}, 20 * day, "dana", []demoChange{
			{"dev", "begin", on()}, {"staging", "for our own people first", staff}, {"production", "a tenth of all accounts", opened(10_000)},
		}},
		{"delivery-slots", flag.NewFlag{Key: "delivery-slots.express", Settings: slots}, 6 * day, "dana", []demoChange{{"dev", "with the planner", express}}},
		{"search-api", flag.NewFlag{Key: "search-api.ranking", Settings: experiment}, 9 * day, "amir", []demoChange{{"dev", "try it", thirds}, {"staging", "try it", thirds}}},
		{"search-api", flag.NewFlag{Key: "search-api.importer-limits", Settings: limits}, 3 * day, "amir", []demoChange{{"production", "normal again", on()}}},
		{"account-service", flag.NewFlag{Key: "account-service.sub-accounts", Settings: settings("Sub-accounts", flag.Permission, "products", "Which accounts may have accounts of their own; sold with the plan enterprise.", "plans")}, 300 * day, "amir", []demoChange{{"dev", "for tests", on()}}},
	}
}

// seedFlags makes what is missing of the demo's flags. They are dated back, so
// that the demo has a past; the audit log says when they really were made.
func seedFlags(ctx context.Context, p *parts, people []demoUser) error {
	who := map[string]flag.Who{}
	for _, u := range people {
		found, _, err := p.auth.Users(ctx, u.Email, 10, "")
		if err != nil {
			return fmt.Errorf("find %s: %w", u.Email, err)
		}
		for _, known := range found {
			if known.Email == u.Email {
				name := u.Email[:4]
				who[name] = flag.Who{ID: known.ID, Name: known.Name}
			}
		}
	}
	environments, err := p.flagEnvironments(ctx)
	if err != nil {
		return err
	}
	for _, d := range demoFlags(p.now()) {
		by, known := who[d.by]
		if !known {
			by = flag.Who{ID: systemActor, Name: "Sphera"}
		}
		if err := seedFlag(ctx, p, d, by, environments); err != nil {
			return fmt.Errorf("make the flag %s: %w", d.in.Key, err)
		}
	}
	return nil
}

func seedFlag(ctx context.Context, p *parts, d demoFlag, by flag.Who, environments []flag.EnvironmentInfo) error {
	if _, err := p.flags.Projects.Ensure(ctx, d.service, d.service, systemActor, ""); err != nil {
		return err
	}
	then := p.now().Add(-d.age)
	past := flag.Open(flag.Deps{DB: p.db, Audit: p.audit, Catalog: p.catalog, Log: p.log, Environments: p.flagEnvironments, Now: func() time.Time {
		then = then.Add(time.Hour)
		return then
	}})
	staff := flag.NewSegment{Key: "staff", Title: "Our own people", Conditions: []flag.Condition{{Attribute: "email", Operator: flag.OpEndsWith, Values: []json.RawMessage{json.RawMessage(`"@greenmarket.example"`)}}}}
	if _, err := past.PutSegment(ctx, d.service, staff, by); err != nil && !fault.Is(err, fault.Conflict) {
		return err
	}
	one, err := past.Create(ctx, d.service, d.in, by)
	if fault.Is(err, fault.Taken) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, c := range d.then {
		for _, e := range environments {
			if e.Kind != c.kind {
				continue
			}
			version := int64(0)
			for _, now := range one.Environments {
				if now.Environment == e.ID {
					version = now.Version
				}
			}
			out, err := past.Edit(ctx, d.service, one.Key, e.ID, flag.Edit{Version: version, Patch: c.patch, Reason: c.reason}, by)
			if err != nil {
				return err
			}
			one = out.Flag
		}
	}
	return nil
}
