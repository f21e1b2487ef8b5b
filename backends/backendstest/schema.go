package backendstest

import (
	"fmt"
	"slices"
	"strings"
)

const (
	deep    = 6  // from here on arrays are empty where they may be, so that a schema that holds itself ends
	deepest = 64 // where one that asks for itself is given up
)

// document is a small one that satisfies a JSON schema: all that is required,
// and one item in each array. A schema that it does not understand gets null.
func document(schema, root any, depth int) any {
	s, ok := schema.(map[string]any)
	switch {
	case depth > deepest:
		return nil
	case !ok:
		return object{}
	}
	if ref, ok := s["$ref"].(string); ok {
		return document(resolve(ref, root), root, depth+1)
	}
	if fixed, ok := s["const"]; ok {
		return fixed
	}
	if values, ok := s["enum"].([]any); ok && len(values) > 0 {
		return values[0]
	}
	for _, of := range []string{"anyOf", "oneOf", "allOf"} {
		if options, ok := s[of].([]any); ok && len(options) > 0 {
			return document(options[0], root, depth+1)
		}
	}
	switch kindOf(s) {
	case "object":
		return fields(s, root, depth+1)
	case "array":
		return items(s, root, depth+1)
	case "string":
		return word(s)
	case "integer", "number":
		return number(s)
	case "boolean":
		return true
	}
	return nil
}

type object = map[string]any

// kindOf is the type of a schema; of several the first.
func kindOf(s map[string]any) string {
	switch t := s["type"].(type) {
	case string:
		return t
	case []any:
		if len(t) > 0 {
			return fmt.Sprint(t[0])
		}
	}
	switch {
	case s["properties"] != nil:
		return "object"
	case s["items"] != nil:
		return "array"
	}
	return ""
}

func fields(s map[string]any, root any, depth int) any {
	doc := object{}
	properties, _ := s["properties"].(map[string]any)
	required, _ := s["required"].([]any)
	for name, of := range properties {
		if slices.Contains(required, any(name)) {
			doc[name] = document(of, root, depth)
		}
	}
	return doc
}

func items(s map[string]any, root any, depth int) any {
	least, _ := s["minItems"].(float64)
	if depth < deep {
		least = max(1, least)
	}
	list := make([]any, int(least))
	for i := range list {
		list[i] = document(s["items"], root, depth)
	}
	return list
}

func word(s map[string]any) string {
	text := "word"
	if least, _ := s["minLength"].(float64); int(least) > len(text) {
		text = strings.Repeat("w", int(least))
	}
	if most, ok := s["maxLength"].(float64); ok && int(most) < len(text) {
		text = text[:int(most)]
	}
	return text
}

func number(s map[string]any) any {
	n := 1.0
	if least, ok := s["minimum"].(float64); ok {
		n = max(n, least)
	}
	if most, ok := s["maximum"].(float64); ok {
		n = min(n, most)
	}
	return n
}

// resolve follows a reference inside the schema: "#/$defs/name", or "#".
func resolve(ref string, root any) any {
	at := root
	for _, step := range strings.Split(ref, "/")[1:] {
		m, _ := at.(map[string]any)
		at = m[step]
	}
	return at
}
