package property

func booleanType() kind {
	return kind{name: "boolean", define: noDefine, compile: noCompile, check: checkBoolean}
}

func noDefine(*Property) []Problem { return nil }

func checkBoolean(_ *Checker, value any, at string) []Problem {
	if _, ok := value.(bool); !ok {
		return wrongType(value, at, "true or false")
	}
	return nil
}
