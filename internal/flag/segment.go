package flag

import (
	"context"
	"fmt"
	"slices"

	"sphera/internal/audit"
	"sphera/internal/fault"
	"sphera/internal/store"
)

// maxSegments is how many segments a project may have.
const maxSegments = 200

// Segments lists the segments of a project.
func (f *Flags) Segments(ctx context.Context, project string) ([]Segment, error) {
	p, err := f.load(ctx, f.d.DB.Read(), project)
	if err != nil {
		return nil, err
	}
	for i := range p.segments {
		p.segments[i].UsedBy = p.using(p.segments[i].Key)
	}
	return p.segments, nil
}

// using are the flags whose rules name a segment.
func (p *whole) using(segment string) []string {
	out := []string{}
	for i := range p.flags {
		for _, v := range p.flags[i].settings {
			for _, r := range v.Rules {
				if slices.ContainsFunc(r.Conditions, func(c Condition) bool { return c.Operator == OpSegment && c.Segment == segment }) && !slices.Contains(out, p.flags[i].Key) {
					out = append(out, p.flags[i].Key)
				}
			}
		}
	}
	return out
}

// PutSegment makes or changes a segment. What rules in production give it by
// more than a step at once does not change unseen: see segmentLimit.
func (f *Flags) PutSegment(ctx context.Context, project string, in NewSegment, by Who) (Segment, error) {
	if !flagKeyPattern.MatchString(in.Key) {
		return Segment{}, fault.Field("key", "is not a segment's key", keyRule)
	}
	var out Segment
	err := f.in(ctx, project, "", func(tx *store.Tx, p *whole) error {
		if err := checkConditions("conditions", in.Conditions, p, false); err != nil {
			return err
		}
		version := int64(0)
		if old := p.segment(in.Key); old != nil {
			version = old.Version
			if !same(old.Conditions, in.Conditions) || old.Any != in.Any {
				if err := f.segmentLimit(p, in.Key); err != nil {
					return err
				}
			}
		} else if len(p.segments) >= maxSegments {
			return fault.New(fault.Unprocessable, "The project %s has %d segments, which is as many as a project can have.", project, maxSegments)
		}
		if err := stale(version, in.Version, "the segment "+in.Key); err != nil {
			return err
		}
		now := f.d.Now()
		out = Segment{
			Project: project, Key: in.Key, Title: in.Title, Description: in.Description, Conditions: in.Conditions, Any: in.Any, Version: version + 1,
			UpdatedAt: store.Time(store.Millis(now)), UpdatedBy: by.ID, UsedBy: p.using(in.Key),
		}
		raw, err := encode(out)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO flag_segments (project, key, segment, version, updated_at, updated_by) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (project, key) DO UPDATE SET segment = excluded.segment, version = excluded.version, updated_at = excluded.updated_at, updated_by = excluded.updated_by`,
			project, in.Key, raw, out.Version, store.Millis(now), by.ID); err != nil {
			return fmt.Errorf("write the segment: %w", err)
		}
		return f.tellSegment(ctx, tx, "flag_segment.put", p, in.Key, in.Reason, by)
	})
	if err != nil {
		return Segment{}, fmt.Errorf("write segment %s: %w", in.Key, err)
	}
	return out, nil
}

func (f *Flags) tellSegment(ctx context.Context, tx *store.Tx, verb string, p *whole, key, reason string, by Who) error {
	return f.d.Audit.Append(ctx, tx, audit.Event{
		Actor: by.ID, ActorName: by.Name, Verb: verb, Object: "Component/" + p.service, RunID: by.RunID,
		Detail: audit.Detail("project", p.key, "segment", key, "reason", reason, "flags", p.using(key)),
	})
}

// DeleteSegment removes a segment that no rule names.
func (f *Flags) DeleteSegment(ctx context.Context, project, key string, version int64, by Who) error {
	err := f.in(ctx, project, "", func(tx *store.Tx, p *whole) error {
		s := p.segment(key)
		if s == nil {
			return fault.New(fault.NotFound, "There is no segment %s in the project %s.", key, project)
		}
		if err := stale(s.Version, version, "the segment "+key); err != nil {
			return err
		}
		if users := p.using(key); len(users) > 0 {
			return fault.New(fault.HasDependents, "The flag %s has a rule for the segment %s. Change the rule first.", users[0], key)
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM flag_segments WHERE project = $1 AND key = $2`, project, key); err != nil {
			return fmt.Errorf("delete the segment: %w", err)
		}
		return f.tellSegment(ctx, tx, "flag_segment.delete", p, key, "", by)
	})
	if err != nil {
		return fmt.Errorf("delete segment %s: %w", key, err)
	}
	return nil
}
