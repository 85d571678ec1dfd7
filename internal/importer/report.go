package importer

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"sphera/internal/audit"
	"sphera/internal/catalog"
)

func (in *load) report() catalog.Report {
	report := catalog.Report{
		DryRun: in.o.DryRun, Applied: len(in.refusals) == 0 && !in.o.DryRun,
		Blueprints: []catalog.ImportItem{}, Scorecards: []catalog.ImportItem{}, Entities: []catalog.ImportItem{}, Repairs: []catalog.Finding{}, Refusals: []catalog.Finding{},
	}
	count := map[string]int{}
	for _, b := range in.blueprints {
		report.Blueprints = append(report.Blueprints, catalog.ImportItem{File: b.File, Identifier: b.identifier, Verb: b.verb})
		count[b.verb]++
	}
	for _, s := range in.scorecards {
		report.Scorecards = append(report.Scorecards, catalog.ImportItem{File: s.File, Blueprint: s.blueprint, Identifier: s.identifier, Verb: s.verb})
		count[s.verb]++
	}
	for _, e := range in.entities {
		report.Entities = append(report.Entities, catalog.ImportItem{File: e.File, Blueprint: e.Entity.Blueprint, Identifier: e.Entity.Identifier, Verb: e.verb})
		count[e.verb]++
	}
	report.Entities = append(report.Entities, in.deleted...)
	count[verbDelete] = len(in.deleted)
	byPlace := func(a, b catalog.Finding) int {
		return cmp.Or(strings.Compare(a.File, b.File), a.Line-b.Line, a.Column-b.Column, strings.Compare(a.Path, b.Path))
	}
	slices.SortStableFunc(in.repairs, byPlace)
	slices.SortStableFunc(in.refusals, byPlace)
	report.Repairs = append(report.Repairs, in.repairs[:min(len(in.repairs), maxFindings)]...)
	report.Refusals = append(report.Refusals, in.refusals[:min(len(in.refusals), maxFindings)]...)
	report.Omitted = len(in.repairs) + len(in.refusals) - len(report.Repairs) - len(report.Refusals)
	report.Summary = in.summary(count)
	return report
}

func (in *load) summary(count map[string]int) string {
	things := number(len(in.blueprints), "blueprint", "blueprints")
	if n := len(in.scorecards); n > 0 {
		things += ", " + number(n, "scorecard", "scorecards")
	}
	things += " and " + number(len(in.entities), "entity", "entities")
	if n := len(in.refusals); n > 0 {
		what := "Nothing was imported"
		if in.o.DryRun {
			what = "Nothing would be imported"
		}
		return fmt.Sprintf("%s: %s in %s. An import is all or nothing; mend what is listed and import again.", what, number(n, "problem", "problems"), things)
	}
	verbs := fmt.Sprintf("%d created, %d changed, %d unchanged", count[verbCreate], count[verbUpdate], count[verbUnchanged])
	if in.o.Prune {
		verbs += fmt.Sprintf(", %d deleted", count[verbDelete])
	}
	repaired := ""
	if n := len(in.repairs); n > 0 {
		repaired = "; " + number(n, "repair", "repairs")
	}
	if in.o.DryRun {
		return fmt.Sprintf("Would import %s: %s%s. Nothing was saved.", things, verbs, repaired)
	}
	return fmt.Sprintf("Imported %s: %s%s.", things, verbs, repaired)
}

func number(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// announce leaves one audit event for the whole import.
func (in *load) announce(ctx context.Context, report catalog.Report) error {
	changed := 0
	for _, item := range slices.Concat(report.Blueprints, report.Scorecards, report.Entities) {
		if item.Verb != verbUnchanged {
			changed++
		}
	}
	if changed == 0 {
		return nil
	}
	return in.b.Record(ctx, "catalog.import", "catalog", in.o.By, in.o.RunID, audit.Detail(
		"blueprints", len(report.Blueprints), "entities", len(report.Entities), "changed", changed, "repairs", len(in.repairs)))
}
