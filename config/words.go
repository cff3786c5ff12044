package config

import (
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// found names what stands in the file.
func found(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a block"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.Tag {
	case "!!null":
		return "nothing"
	case "!!bool":
		return n.Value
	case "!!int", "!!float":
		return "the number " + n.Value
	case "!!timestamp":
		return "a date"
	}
	return "text"
}

// noun names what a type expects.
func noun(t reflect.Type) string {
	if t == typeDuration {
		return "a duration"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return noun(t.Elem())
	case reflect.Struct, reflect.Map:
		return "a block"
	case reflect.Slice:
		return "a list"
	case reflect.Bool:
		return "true or false"
	case reflect.Float64:
		return "a number"
	case reflect.String:
		return "text"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number from 0"
	}
	return "a whole number"
}

// sample is a value that a type accepts, as it is written in a file.
func sample(t reflect.Type) string {
	switch t {
	case typeDuration:
		return "30s"
	case typeWaiver:
		return sampleWaiver
	case typePrefix:
		return "10.0.0.0/8"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return sample(t.Elem())
	case reflect.Map:
		return "{name: " + sample(t.Elem()) + "}"
	case reflect.Struct:
		return sampleStruct(t)
	case reflect.Slice:
		return "[" + sample(t.Elem()) + "]"
	case reflect.Bool:
		return "true"
	case reflect.Float64:
		return "0.5"
	case reflect.String:
		return "text"
	}
	return "10"
}

func sampleStruct(t reflect.Type) string {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if f.IsExported() && name != "" && name != "-" {
			if k := f.Type.Kind(); k == reflect.Struct || k == reflect.Pointer || k == reflect.Map || k == reflect.Slice {
				return "{" + name + ": ...}"
			}
			return "{" + name + ": " + sample(f.Type) + "}"
		}
	}
	return "{...}"
}

// last returns the last name of a path: "limits[2].rate" has "rate", and a
// place in a list has "-".
func last(key string) string {
	if strings.HasSuffix(key, "]") {
		return "-"
	}
	return key[strings.LastIndexByte(key, '.')+1:]
}

// nearest returns the known name that word was meant to be, or "" when none is
// near enough to say so.
func nearest(word string, names []string) string {
	best, at := "", max(2, len(word)/3)+1
	for _, name := range names {
		if d := distance(strings.ToLower(word), strings.ToLower(name)); d < at && d < len(name) {
			best, at = name, d
		}
	}
	return best
}

// distance is the number of insertions, deletions, substitutions and swaps of
// neighbours between two words (optimal string alignment).
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	before, prev, cur := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
		before, prev, cur = prev, cur, before
	}
	return prev[len(b)]
}

// quoted lists names for a message: "a", "b".
func quoted(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = strconv.Quote(n)
	}
	return strings.Join(out, ", ")
}
