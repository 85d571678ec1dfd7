package catalog

import "context"

// anybody is catalogtest.Anybody for tests of the inside.
func anybody() Access {
	return Access{
		May:    func(context.Context, string, string) error { return nil },
		See:    func(context.Context, Blueprint) (View, error) { return View{}, nil },
		Free:   func(context.Context) bool { return true },
		Change: func(_ context.Context, list []Touch) []error { return make([]error, len(list)) },
	}
}
