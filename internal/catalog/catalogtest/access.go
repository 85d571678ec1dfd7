package catalogtest

import (
	"context"

	"sphera/internal/catalog"
)

// Anybody lets everybody do everything, for tests of something else.
func Anybody() catalog.Access {
	return catalog.Access{
		May:    func(context.Context, string, string) error { return nil },
		See:    func(context.Context, catalog.Blueprint) (catalog.View, error) { return catalog.View{}, nil },
		Free:   func(context.Context) bool { return true },
		Change: func(_ context.Context, list []catalog.Touch) []error { return make([]error, len(list)) },
	}
}
