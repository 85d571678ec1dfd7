package code_test

import (
	"slices"
	"testing"

	"sphera/internal/flag/code"
	"sphera/internal/forge"
)

const goSource = `package main

func (s *server) greeting(w http.ResponseWriter, r *http.Request) {
	word := s.flags.text(r.Context(), serviceName+".greeting", "Hello, (you)", map[string]any{"targetingKey": name, "environment": s.config.environment})
	if s.flags.on(r.Context(), "checkout.new-cart", false, nil) {
		fast()
	}
	other := s.flags.text(r.Context(), serviceName+".greetings", "x", nil)
}
`

const jsSource = "const word = (key) =>\n  flags.text(`${name}.greeting`, \"Hello\", { targetingKey: key, environment: config.environment });\nif (await flags.on('checkout.new-cart', false)) fast();\n// checkout.greeting is described in the handbook\n"

func files() []forge.File {
	return []forge.File{{Path: "server.go", Content: []byte(goSource)}, {Path: "src/app.js", Content: []byte(jsSource)}, {Path: "node_modules/x/index.js", Content: []byte(jsSource)}, {Path: "logo.bin", Content: []byte("checkout.greeting"), Binary: true}}
}

func TestFind(t *testing.T) {
	found := code.Keys{"checkout.greeting": true, "checkout.new-cart": true, "unused": true}.Find("checkout", files())
	at := func(key string) []string {
		var out []string
		for _, r := range found[key] {
			out = append(out, r.Path+":"+string(rune('0'+r.Line)))
		}
		return out
	}
	if got := at("checkout.greeting"); !slices.Equal(got, []string{"server.go:4", "src/app.js:2", "src/app.js:4"}) {
		t.Errorf("greeting: %v", got)
	}
	if got := at("checkout.new-cart"); !slices.Equal(got, []string{"server.go:5", "src/app.js:3"}) {
		t.Errorf("new-cart: %v", got)
	}
	if len(found["unused"]) > 0 {
		t.Errorf("unused: %v", found["unused"])
	}
}
