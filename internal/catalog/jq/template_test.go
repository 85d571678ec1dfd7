package jq

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestTemplates(t *testing.T) {
	const input = `{"inputs":{"reason":"oom","n":3,"env":{"a":"1","b":"2"},"none":null,"list":[1]},"entity":{"identifier":"cart","title":"Cart"},"run":{"id":"r_1"},"secrets":{"a-b":"s3"}}`
	tests := []struct{ template, want string }{
		{`"plain"`, `"plain"`},
		{`"{{ .inputs.n }}"`, `3`},
		{`" {{ .inputs.n }} "`, `3`},
		{`"{{ .inputs.none }}"`, `null`},
		{`"n={{ .inputs.n }}, {{.entity.title}}!"`, `"n=3, Cart!"`},
		{`"{{ .inputs.list }}{{ .inputs.none }}"`, `"[1]null"`},
		{`"{{ {a: {b: 1}} }}"`, `{"a":{"b":1}}`},
		{`"{{ {a:{b:1}}}}"`, `{"a":{"b":1}}`},
		{`"{{ \"}}\" }}"`, `"}}"`},
		{`"{{ '}}' + .run.id }}"`, `"}}r_1"`},
		{`"{{ .secrets.\"a-b\" }}"`, `"s3"`},
		{`{"svc":"{{ .entity.identifier }}","deep":[{"x":"{{ .inputs.env.a }}"}],"n":1,"t":true}`, `{"svc":"cart","deep":[{"x":"1"}],"n":1,"t":true}`},
		{`{"{{ .inputs.none }}":"left out","{{ .run.id }}":"kept"}`, `{"r_1":"kept"}`},
		{`{"k{{ .inputs.n }}":1}`, `{"k3":1}`},
		{`{"{{ spreadValue() }}":"{{ .inputs.env }}","a":"own"}`, `{"a":"own","b":"2"}`},
		{`{"{{spreadValue()}}":{"x":"{{ .inputs.n }}"}}`, `{"x":3}`},
		{`{"{{ spreadValue() }}":"{{ .inputs.none }}"}`, `{}`},
		{`"a } b }} c"`, `"a } b }} c"`},
		{`"{{ 'it''s' }}"`, ``},
		{`"{{ .a"`, ``},
		{`"{{ }}"`, ``},
		{`"{{ env }}"`, ``},
	}
	for _, test := range tests {
		tmpl, err := CompileTemplate(decode(t, test.template))
		if test.want == "" {
			var e *Error
			if !errors.As(err, &e) || e.Kind != KindCompile {
				t.Errorf("%s: got %v, want a compile error", test.template, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", test.template, err)
			continue
		}
		got, err := tmpl.Render(t.Context(), decode(t, input), Limits{})
		if err != nil || !reflect.DeepEqual(got, decode(t, test.want)) {
			t.Errorf("%s: got %#v, %v; want %s", test.template, got, err, test.want)
		}
	}
}

func TestTemplateErrorsSayWhere(t *testing.T) {
	tmpl, err := CompileTemplate(decode(t, `{"a":[{"b/c":"{{ .x | error(\"no\") }}"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	_, err = tmpl.Render(t.Context(), map[string]any{}, Limits{})
	var e *Error
	if !errors.As(err, &e) || e.Pointer != "/a/0/b~1c" || !strings.Contains(err.Error(), "no") {
		t.Errorf("got %v", err)
	}
	if _, err := CompileTemplate(decode(t, `{"{{ spreadValue() }}":1}`)); err != nil {
		t.Fatal(err)
	}
}

func TestTemplatesAreBounded(t *testing.T) {
	many := make([]any, MaxTemplates+1)
	for i := range many {
		many[i] = "{{ 1 }}"
	}
	if _, err := CompileTemplate(many); err == nil {
		t.Error("too many templates are read")
	}
	tmpl, err := CompileTemplate([]any{"{{ .x }}", "{{ .x }}", "x{{ .x }}"})
	if err != nil {
		t.Fatal(err)
	}
	var e *Error
	_, err = tmpl.Render(t.Context(), map[string]any{"x": strings.Repeat("a", 500)}, Limits{Output: 1000})
	if !errors.As(err, &e) || e.Kind != KindSize {
		t.Errorf("got %v", err)
	}
}
