package auth_test

import (
	"testing"

	"sphera/internal/auth"
)

func TestInScope(t *testing.T) {
	for _, c := range []struct {
		scopes                       []string
		verb, blueprint, environment string
		want                         bool
	}{
		{nil, "catalog.write", "Service", "", true},
		{[]string{}, "catalog.read", "", "", false},
		{[]string{"read"}, "catalog.read", "Service", "", true},
		{[]string{"read"}, "catalog.write", "Service", "", false},
		{[]string{"read"}, "run.reading", "", "", false},
		{[]string{"catalog.*"}, "catalog.write", "Service", "", true},
		{[]string{"catalog.*"}, "catalogue.write", "Service", "", false},
		{[]string{"catalog.*"}, "run.cancel", "", "", false},
		{[]string{"blueprint:Service"}, "catalog.write", "Service", "", true},
		{[]string{"blueprint:Service"}, "catalog.write", "Queue", "", false},
		{[]string{"blueprint:Service"}, "catalog.write", "", "", false},
		{[]string{"blueprint:Service"}, "catalog.read", "", "", true},
		{[]string{"blueprint:Service"}, "catalog.read", "Queue", "", false},
		{[]string{"blueprint:Service", "blueprint:Queue"}, "catalog.write", "Queue", "", true},
		{[]string{"read", "blueprint:Service"}, "catalog.write", "Service", "", false},
		{[]string{"action.run", "environment:dev"}, "action.run", "", "dev", true},
		{[]string{"action.run", "environment:dev"}, "action.run", "", "prod", false},
		{[]string{"action.run", "environment:dev"}, "action.run", "", "", false},
		{[]string{"action.run", "run.read"}, "run.read", "", "prod", true},
	} {
		if got := auth.InScope(c.scopes, c.verb, c.blueprint, c.environment); got != c.want {
			t.Errorf("InScope(%q, %s, %q, %q) = %v", c.scopes, c.verb, c.blueprint, c.environment, got)
		}
	}
}
