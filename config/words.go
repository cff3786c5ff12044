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

// quoted lists names for a message: "a", "b".
func quoted(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = strconv.Quote(n)
	}
	return strings.Join(out, ", ")
}
