package property_test

import (
	"encoding/json"
	"strings"
	"testing"

	"sphera/internal/catalog/property"
)

func read(t *testing.T, definition string) property.Property {
	t.Helper()
	var p property.Property
	if err := json.Unmarshal([]byte(definition), &p); err != nil {
		t.Fatalf("%v in %s", err, definition)
	}
	return p
}

func TestDefine(t *testing.T) {
	for _, test := range []struct{ definition, pointer string }{
		{`{"type":"string"}`, ""},
		{`{"type":"string","format":"url","enum":["https://a.example"],"enumColors":{"https://a.example":"red"}}`, ""},
		{`{"type":"number","enum":[1,2],"default":2}`, ""},
		{`{"type":"array","items":{"type":"array","items":{"type":"string"}}}`, ""},
		{`{"type":"object","format":"labeled-url"}`, ""},
		{`{"type":"text"}`, "/type"},
		{`{}`, "/type"},
		{`{"type":"number","format":"url"}`, "/format"},
		{`{"type":"string","format":"urls"}`, "/format"},
		{`{"type":"string","enum":["a","a"]}`, "/enum/1"},
		{`{"type":"string","enum":["a",1]}`, "/enum/1"},
		{`{"type":"string","enum":[null]}`, "/enum/0"},
		{`{"type":"string","enum":["a"],"default":"b"}`, "/default"},
		{`{"type":"number","maximum":5,"default":6}`, "/default"},
		{`{"type":"number","minimum":5,"maximum":4}`, "/minimum"},
		{`{"type":"string","minLength":5,"maxLength":4}`, "/minLength"},
		{`{"type":"string","maxLength":-1}`, "/maxLength"},
		{`{"type":"string","pattern":"(?=x)"}`, "/pattern"},
		{`{"type":"string","pattern":"` + strings.Repeat("a", 1001) + `"}`, "/pattern"},
		{`{"type":"string","enumColors":{"a":"mauve"}}`, "/enumColors/a"},
		{`{"type":"array","items":{"type":"nope"}}`, "/items/type"},
		{`{"type":"array","minItems":3,"maxItems":2}`, "/minItems"},
		{`{"type":"object","properties":{"a/b":{"type":"nope"}}}`, "/properties/a~1b/type"},
		{strings.Repeat(`{"type":"array","items":`, 40) + `{"type":"string"}` + strings.Repeat("}", 40), strings.Repeat("/items", 33)},
	} {
		problems := read(t, test.definition).Define()
		switch {
		case test.pointer == "" && len(problems) > 0:
			t.Errorf("%s: %+v", test.definition, problems)
		case test.pointer != "" && (len(problems) == 0 || problems[0].Pointer != test.pointer):
			t.Errorf("%.80s: got %+v, want a problem at %s", test.definition, problems, test.pointer)
		}
	}
}

func TestCheck(t *testing.T) {
	const any = "" // no problem
	for _, test := range []struct{ definition, value, pointer string }{
		{`{"type":"string"}`, `"x"`, any},
		{`{"type":"string"}`, `1`, "-"},
		{`{"type":"string"}`, `"a\u0000"`, "-"},
		{`{"type":"string","minLength":2,"maxLength":3}`, `"שלום"`, "-"},
		{`{"type":"string","minLength":2,"maxLength":3}`, `"שלא"`, any},
		{`{"type":"string","pattern":"^a+$"}`, `"aa"`, any},
		{`{"type":"string","pattern":"^a+$"}`, `"ab"`, "-"},
		{`{"type":"string","enum":["a","b"]}`, `"c"`, "-"},
		{`{"type":"number","enum":[1,2.5]}`, `2.5`, any},
		{`{"type":"number"}`, `"1"`, "-"},
		{`{"type":"number","exclusiveMinimum":0}`, `0`, "-"},
		{`{"type":"number","exclusiveMaximum":1}`, `0.99`, any},
		{`{"type":"boolean"}`, `true`, any},
		{`{"type":"boolean"}`, `"true"`, "-"},
		{`{"type":"array","items":{"type":"number"}}`, `[1,"2"]`, "/1"},
		{`{"type":"array","uniqueItems":true}`, `["a","a"]`, "/1"},
		{`{"type":"array","minItems":1}`, `[]`, "-"},
		{`{"type":"array","maxItems":1}`, `[1,2]`, "-"},
		{`{"type":"array"}`, `{}`, "-"},
		{`{"type":"object"}`, `{"a":[1,{"b":null}]}`, any},
		{`{"type":"object"}`, `[]`, "-"},
		{`{"type":"object","required":["a"]}`, `{}`, "/a"},
		{`{"type":"object","properties":{"a":{"type":"number"}},"additionalProperties":false}`, `{"a":1,"b":2}`, "/b"},
		{`{"type":"object","format":"labeled-url"}`, `{"url":"https://x.example","displayText":"X"}`, any},
		{`{"type":"object","format":"labeled-url"}`, `{"displayText":"X"}`, "/url"},
		{`{"type":"object"}`, strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40), strings.Repeat("/a", 33)},
	} {
		checkOne(t, test.definition, test.value, test.pointer)
	}
}

func TestFormats(t *testing.T) {
	for format, values := range map[string]struct{ good, bad []string }{
		"date-time": {[]string{"2026-01-31T15:04:05Z", "2026-01-31T15:04:05.123456+02:00"}, []string{"2026-01-31", "2026-13-01T00:00:00Z", "0000-01-01T00:00:00Z", ""}},
		"url":       {[]string{"https://example.com/a?b=c#d", "ftp://h/x", "mailto:a@b.c", "http://localhost:8080"}, []string{"example.com", "/a", "https://", "javascript:alert(1)", "JavaScript:x", "data:text/html,x", "http://[::1"}},
		"email":     {[]string{"dana@example.com"}, []string{"dana", "Dana <dana@example.com>", "a@b@c"}},
		"user":      {[]string{"dana@example.com"}, []string{"dana"}},
		"ipv4":      {[]string{"192.0.2.1"}, []string{"192.0.2.256", "::1", "1.2.3"}},
		"ipv6":      {[]string{"2001:db8::1"}, []string{"192.0.2.1", "fe80::1%eth0"}},
		"yaml":      {[]string{"a: 1\nb: [x]", ""}, []string{"a: [", "\ta: 1"}},
		"markdown":  {[]string{"# x"}, nil},
		"team":      {[]string{"core"}, nil},
	} {
		for _, v := range values.good {
			raw, _ := json.Marshal(v)
			checkOne(t, `{"type":"string","format":"`+format+`"}`, string(raw), "")
		}
		for _, v := range values.bad {
			raw, _ := json.Marshal(v)
			checkOne(t, `{"type":"string","format":"`+format+`"}`, string(raw), "-")
		}
	}
}

// checkOne wants no problem, a problem of the value itself ("-") or one below.
func checkOne(t *testing.T, definition, value, pointer string) {
	t.Helper()
	checker, err := read(t, definition).Compile()
	if err != nil {
		t.Errorf("%s: %v", definition, err)
		return
	}
	var v any
	if err := json.Unmarshal([]byte(value), &v); err != nil {
		t.Fatal(err)
	}
	problems := checker.Check(v)
	switch {
	case pointer == "":
		if len(problems) > 0 {
			t.Errorf("%s with %s: %+v", definition, value, problems)
		}
	case len(problems) == 0:
		t.Errorf("%s took %.80s", definition, value)
	case problems[0].Pointer != strings.TrimPrefix(pointer, "-"):
		t.Errorf("%s with %.80s: problem at %q, want %q", definition, value, problems[0].Pointer, pointer)
	case problems[0].Problem == "" || problems[0].Expected == "":
		t.Errorf("%s with %s: %+v lacks words", definition, value, problems[0])
	}
}

func TestExtraComesBack(t *testing.T) {
	const sent = `{"dateFormat":"x","default":false,"description":"","enum":[],"type":"boolean","x":{"a":[1,null]}}`
	raw, err := json.Marshal(read(t, sent))
	if err != nil || string(raw) != sent {
		t.Errorf("\n got %s (%v)\nwant %s", raw, err, sent)
	}
}
