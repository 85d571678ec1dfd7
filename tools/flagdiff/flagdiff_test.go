package flagdiff

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"sphera/internal/flag/eval"

	"github.com/diegoholiveira/jsonlogic/v3"
)

type maker struct{ *rand.Rand }

func (m maker) pick(list ...string) string { return list[m.IntN(len(list))] }

func (m maker) text() string {
	return m.pick(`{"var":"plan"}`, `{"var":"email"}`, `{"var":"o.name"}`, `"pro"`, `""`, `{"cat":["a",{"var":"plan"},1]}`, `{"var":["absent","none"]}`, `{"substr":[{"var":"email"},1,3]}`, `{"substr":[{"var":"email"},-3]}`)
}

func (m maker) number() string {
	return m.pick(`{"var":"n"}`, `{"var":"seats"}`, `3`, `-1`, `2.5`, `0`, `{"+":[{"var":"n"},1]}`, `{"*":[{"var":"seats"},2]}`, `{"-":[{"var":"n"}]}`, `{"-":[{"var":"n"},3]}`, `{"%":[{"var":"seats"},3]}`, `{"max":[{"var":"n"},4]}`, `{"min":[{"var":"seats"},4,9]}`, `{"/":[{"var":"seats"},4]}`)
}

func (m maker) condition(depth int) string {
	if depth > 0 {
		switch m.IntN(5) {
		case 0:
			return fmt.Sprintf(`{"and":[%s,%s]}`, m.condition(depth-1), m.condition(depth-1))
		case 1:
			return fmt.Sprintf(`{"or":[%s,%s,%s]}`, m.condition(depth-1), m.condition(depth-1), m.condition(0))
		case 2:
			return fmt.Sprintf(`{"!":[%s]}`, m.condition(depth-1))
		case 3:
			return fmt.Sprintf(`{"if":[%s,%s,%s]}`, m.condition(depth-1), m.condition(0), m.condition(0))
		}
	}
	switch m.IntN(9) {
	case 0:
		return fmt.Sprintf(`{"%s":[%s,%s]}`, m.pick("===", "!==", "==", "!="), m.text(), m.text())
	case 1, 2:
		return fmt.Sprintf(`{"%s":[%s,%s]}`, m.pick("<", "<=", ">", ">=", "===", "!=="), m.number(), m.number())
	case 3:
		// The library takes 0 for a member of a list with texts in it, so a list
		// here has one type.
		if m.IntN(2) == 0 {
			return fmt.Sprintf(`{"in":[%s,[1,3,7]]}`, m.number())
		}
		return fmt.Sprintf(`{"in":[%s,["pro","team",""]]}`, m.text())
	case 4:
		return fmt.Sprintf(`{"!!":[%s]}`, m.pick(m.text(), m.number(), `{"var":"yes"}`))
	case 5:
		return fmt.Sprintf(`{"%s":[{"var":"l"},{"%s":[{"var":""},%d]}]}`, m.pick("all", "some", "none"), m.pick(">", "===", "<="), m.IntN(4))
	case 6:
		return fmt.Sprintf(`{"===":[{"reduce":[{"filter":[{"var":"l"},{">":[{"var":""},1]}]},{"+":[{"var":"current"},{"var":"accumulator"}]},0]},%d]}`, m.IntN(8))
	case 7:
		return fmt.Sprintf(`{"in":["%s",{"var":"email"}]}`, m.pick("a", "pro", "@x"))
	default:
		return fmt.Sprintf(`{"<":[1,%s,9]}`, m.number())
	}
}

// TestSameAsJSONLogic asks both 40,000 questions whose answer is yes or no.
func TestSameAsJSONLogic(t *testing.T) {
	m := maker{rand.New(rand.NewPCG(3, 5))}
	differ := 0
	for range 2000 {
		rule := fmt.Sprintf(`{"!!":[%s]}`, m.condition(3))
		set, problems := eval.Compile([]byte(`{"flags":{"f":{"state":"ENABLED","variants":{"true":1,"false":0},"targeting":`+rule+`}}}`), eval.Options{})
		if set == nil {
			t.Fatal(problems)
		}
		for range 20 {
			values := map[string]any{
				"plan": m.pick("pro", "team", "free"), "n": float64(m.IntN(6)), "seats": float64(m.IntN(40)), "email": m.pick("ada@x.com", "bob@y.org"), "yes": m.IntN(2) == 0,
				"l": []any{1.0, 2.0, float64(m.IntN(5))}, "o": map[string]any{"name": m.pick("pro", "x")},
			}
			data, err := json.Marshal(values)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			theirs := "error"
			if err := jsonlogic.Apply(bytes.NewReader([]byte(rule)), bytes.NewReader(data), &out); err == nil {
				theirs = string(bytes.TrimSpace(out.Bytes()))
			}
			r := set.Evaluate("f", eval.NewContext(values), 0)
			ours := "error"
			if r.Variant != nil {
				ours = r.Variant.Name
			}
			if ours != theirs {
				if differ++; differ < 10 {
					t.Errorf("%s for %s: ours %s, theirs %s", rule, data, ours, theirs)
				}
			}
		}
	}
	if differ > 0 {
		t.Errorf("%d answers differ", differ)
	}
}
