package audit

import "context"

// Origin is where events come from; it travels in the context, so that no
// caller of Append has to hand it on.
type Origin struct {
	// RequestID and Address are of the request.
	RequestID, Address string
	// Via and OnBehalfOf are of who acts; see Event.
	Via, OnBehalfOf string
	// Entity is what the run works on; it counts for events of runs.
	Entity string
}

type originKey struct{}

// WithOrigin returns a context whose events come from o, which replaces what
// the context said before; change what OriginOf returns to add to it.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// OriginOf is what WithOrigin put into ctx.
func OriginOf(ctx context.Context) Origin {
	o, _ := ctx.Value(originKey{}).(Origin)
	return o
}

// WithRequestID returns a context whose events carry the id of the request.
func WithRequestID(ctx context.Context, id string) context.Context {
	o := OriginOf(ctx)
	o.RequestID = id
	return WithOrigin(ctx, o)
}

// WithEntity returns a context whose events of runs are about entity.
func WithEntity(ctx context.Context, entity string) context.Context {
	o := OriginOf(ctx)
	o.Entity = entity
	return WithOrigin(ctx, o)
}

// WithActing returns a context whose events tell how the actor proved who it
// is and whose rights it uses.
func WithActing(ctx context.Context, via, onBehalfOf string) context.Context {
	o := OriginOf(ctx)
	o.Via, o.OnBehalfOf = via, onBehalfOf
	return WithOrigin(ctx, o)
}

// RequestID returns the id of the request that ctx belongs to, or "".
func RequestID(ctx context.Context) string { return OriginOf(ctx).RequestID }

func (e *Event) from(o Origin) {
	fill := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	fill(&e.RequestID, o.RequestID)
	fill(&e.Address, o.Address)
	if e.Actor != System && e.Actor != Anonymous {
		fill(&e.Via, o.Via)
		fill(&e.OnBehalfOf, o.OnBehalfOf)
	}
}
