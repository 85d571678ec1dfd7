// Package catalogtest makes catalogs of a realistic shape and of any size, the
// same for the same seed. It is imported by tests and benchmarks only.
package catalogtest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sphera/internal/catalog"
)

// Version changes whenever the data of the same seed does, so that databases
// kept between runs are made again.
const Version = 2

// Hub is how many packages the first team maintains: each of them mirrors its
// chat, so that a change of that property changes Hub other entities.
const Hub = 1000

// Data is a catalog of about n entities that is worked out, not kept: Entity
// answers for any of them.
type Data struct {
	seed   uint64
	words  words
	counts map[string]int
}

// New describes a catalog of exactly n entities; n is at least 100.
func New(seed uint64, n int) *Data {
	n = max(n, 100)
	d := &Data{seed: seed, words: newWords(), counts: map[string]int{
		"domain": clamp(n/5000, 5, 100), "team": clamp(n/1000, 10, 500), "environment": clamp(n/10_000, 5, 50), "system": max(n/200, 5),
		"package": n / 5, "service": n * 15 / 100, "api": n / 10, "resource": n * 15 / 100, "deployment": n / 4,
	}}
	rest := n
	for _, count := range d.counts {
		rest -= count
	}
	d.counts["incident"] = rest
	return d
}

// Order lists the blueprints so that the targets of relations come first.
func (d *Data) Order() []string {
	return []string{"domain", "team", "environment", "system", "package", "service", "api", "resource", "deployment", "incident"}
}

// Count is how many entities a blueprint has.
func (d *Data) Count(blueprint string) int { return d.counts[blueprint] }

// Total is how many entities there are.
func (d *Data) Total() int {
	total := 0
	for _, count := range d.counts {
		total += count
	}
	return total
}

// Put saves the blueprints.
func (d *Data) Put(ctx context.Context, c *catalog.Catalog) error {
	for _, b := range blueprints() {
		if _, _, err := c.PutBlueprint(ctx, b, "bench"); err != nil {
			return fmt.Errorf("put blueprint %s: %w", b.Identifier, err)
		}
	}
	return nil
}

// Load saves the blueprints and all entities. said, which may be nil, is told
// how many there are now and then.
func (d *Data) Load(ctx context.Context, c *catalog.Catalog, said func(done int)) error {
	if err := d.Put(ctx, c); err != nil {
		return err
	}
	done := 0
	for _, blueprint := range d.Order() {
		for from := 0; from < d.counts[blueprint]; from += Batch {
			if err := d.Write(ctx, c, blueprint, from, min(from+Batch, d.counts[blueprint]), 0); err != nil {
				return err
			}
			done += min(Batch, d.counts[blueprint]-from)
			if said != nil {
				said(done)
			}
		}
	}
	return nil
}

// Batch is how many entities are written at once.
const Batch = 500

// Write saves the entities from (included) to to (excluded) of a blueprint as
// they are in version.
func (d *Data) Write(ctx context.Context, c *catalog.Catalog, blueprint string, from, to, version int) error {
	for ; from < to; from += Batch {
		var list []catalog.NewEntity
		for i := from; i < min(from+Batch, to); i++ {
			list = append(list, d.Entity(blueprint, i, version))
		}
		items, err := c.PutMany(ctx, blueprint, list, catalog.Write{Upsert: true, By: "bench"})
		if err != nil {
			return fmt.Errorf("put %s from %d: %w", blueprint, from, err)
		}
		for _, item := range items {
			if item.Err != nil {
				return fmt.Errorf("put %s %s: %w", blueprint, item.Identifier, item.Err)
			}
		}
	}
	return nil
}

// Entity is entity i of a blueprint. Versions of it differ in a number, a
// date-time and a short text, never in title, owners or relations.
func (d *Data) Entity(blueprint string, i, version int) catalog.NewEntity {
	switch blueprint {
	case "domain":
		return d.domain(i, version)
	case "team":
		return d.team(i, version)
	case "environment":
		return d.environment(i, version)
	case "system":
		return d.system(i, version)
	case "package":
		return d.pack(i, version)
	case "service":
		return d.service(i, version)
	case "api":
		return d.api(i, version)
	case "resource":
		return d.resource(i, version)
	case "deployment":
		return d.deployment(i, version)
	case "incident":
		return d.incident(i, version)
	default:
		panic("no blueprint " + blueprint)
	}
}

// Name is the identifier of entity i of a blueprint.
func (d *Data) Name(blueprint string, i int) string { return slug(d.Title(blueprint, i)) }

// chance is a number of an entity, the same for the same seed and salt.
func (d *Data) chance(blueprint string, i int, salt string) uint64 {
	h := d.seed*0x9E3779B97F4A7C15 + uint64(i)
	for _, part := range []string{blueprint, salt} {
		for _, b := range []byte(part) {
			h = (h ^ uint64(b)) * 0x100000001B3
		}
		h ^= h >> 29
	}
	h = (h ^ (h >> 30)) * 0xBF58476D1CE4E5B9
	h = (h ^ (h >> 27)) * 0x94D049BB133111EB
	return h ^ (h >> 31)
}

// part is a chance from 0 to 1.
func (d *Data) part(blueprint string, i int, salt string) float64 {
	return float64(d.chance(blueprint, i, salt)>>11) / (1 << 53)
}

// skewed is a number below n: the first ones come up much more often.
func (d *Data) skewed(blueprint string, i int, salt string, n int) int {
	u := d.part(blueprint, i, salt)
	return min(int(float64(n)*u*u*u), n-1)
}

// pick takes one of a list, the first much more often than the last.
func (d *Data) pick(blueprint string, i int, salt string, list ...string) string {
	u := d.part(blueprint, i, salt)
	return list[min(int(float64(len(list))*u*u), len(list)-1)]
}

// few are 0 to most different names of a blueprint whose entities are below
// limit, the first ones much more often.
func (d *Data) few(blueprint string, i int, relation string, most int, target string, limit int) []string {
	out := []string{}
	if limit <= 0 {
		return out
	}
	for k := range int(d.chance(blueprint, i, relation) % uint64(most+1)) {
		name := d.Name(target, d.skewed(blueprint, i, fmt.Sprint(relation, k), limit))
		if !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

func (d *Data) one(blueprint string, i int, relation, target string) string {
	n := uint64(d.counts[target])
	return d.Name(target, int(d.chance(blueprint, i, relation)%n))
}

// owner is the team that owns an entity.
func (d *Data) owner(blueprint string, i int) []byte {
	return fmt.Appendf(nil, "%q", d.Name("team", d.skewed(blueprint, i, "owner", d.counts["team"])))
}

// moment is a date-time of the two years before 2026-07-01; each version is a
// minute later.
func (d *Data) moment(blueprint string, i int, salt string, version int) string {
	ago := time.Duration(d.chance(blueprint, i, salt)%(2*365*24*60)) * time.Minute
	return time.Date(2026, 7, 1, 0, version, 0, 0, time.UTC).Add(-ago).Format(time.RFC3339)
}

func (d *Data) release(blueprint string, i, version int) string {
	h := d.chance(blueprint, i, "release")
	return fmt.Sprintf("%d.%d.%d", h%7, h>>8%30, int(h>>16%20)+version)
}

// codename is a word that few others have: catalogs are full of such names.
func (d *Data) codename(blueprint string, i int) string {
	h := d.chance(blueprint, i, "codename")
	var b strings.Builder
	for k := range 2 + h%3 {
		b.WriteString(d.words.syllables[h>>(8*k+8)%uint64(len(d.words.syllables))])
	}
	return b.String()
}

func clamp(n, low, high int) int { return min(max(n, low), high) }

// slug makes an identifier of a title: "CartClient 2" becomes "cart-client-2".
func slug(title string) string {
	var b strings.Builder
	small, pending := false, false
	for _, r := range title {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			if pending && b.Len() > 0 {
				b.WriteByte('-')
			}
			b.WriteRune(r)
			small, pending = true, false
		case r >= 'A' && r <= 'Z':
			if (pending || small) && b.Len() > 0 {
				b.WriteByte('-')
			}
			b.WriteRune(r + 'a' - 'A')
			small, pending = false, false
		default:
			pending = true
		}
	}
	return b.String()
}
