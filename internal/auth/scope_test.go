package auth_test

import (
	"testing"

	"sphera/internal/auth"
)

func TestLimitsOfACredential(t *testing.T) {
	for _, c := range []struct {
		limits                       []string
		verb, blueprint, environment string
		want                         bool
	}{
		{nil, "catalog.write", "Service", "", true},
		{[]string{"blueprint:Service"}, "catalog.write", "Service", "", true},
		{[]string{"blueprint:Service"}, "catalog.write", "Queue", "", false},
		{[]string{"blueprint:Service"}, "catalog.write", "", "", false},
		{[]string{"blueprint:Service"}, "catalog.read", "", "", true},
		{[]string{"blueprint:Service"}, "catalog.read", "Queue", "", false},
		{[]string{"blueprint:Service"}, "catalog.reading", "", "", false},
		{[]string{"blueprint:Service", "blueprint:Queue"}, "catalog.write", "Queue", "", true},
		{[]string{"environment:dev"}, "action.run", "", "dev", true},
		{[]string{"environment:dev"}, "action.run", "", "prod", false},
		{[]string{"environment:dev"}, "action.run", "", "", false},
		{[]string{"environment:dev", "blueprint:Service"}, "action.run", "Service", "prod", false},
	} {
		if got := (auth.Principal{Limits: c.limits}).Within(c.verb, c.blueprint, c.environment); got != c.want {
			t.Errorf("%q, %s, %q, %q: %v", c.limits, c.verb, c.blueprint, c.environment, got)
		}
	}
}
