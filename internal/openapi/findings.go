package openapi

import (
	"slices"
	"strings"
)

func (l *loader) finding(a at, library bool, says string) {
	l.findings = append(l.findings, Finding{a.place(), says, library})
}

// unsupported keeps the description from loading: what cannot be checked is
// refused.
func (c *compiler) unsupported(v at, says string) {
	c.s.unsupported = true
	c.refused = append(c.refused, unsupportedError{&Error{v.place(), says}})
}

// keywords are what a schema may say, in JSON Schema 2020-12 and in OpenAPI, and
// what those before them said.
var keywords = [...]string{
	"type", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "pattern", "format",
	"items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains", "minContains", "maxContains", "unevaluatedItems",
	"properties", "required", "additionalProperties", "patternProperties", "propertyNames", "minProperties", "maxProperties", "dependentRequired", "dependentSchemas",
	"dependencies", "unevaluatedProperties", "allOf", "anyOf", "oneOf", "not", "if", "then", "else",
	"$ref", "$id", "$schema", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$vocabulary", "$comment", "$defs", "definitions",
	"nullable", "readOnly", "writeOnly", "discriminator", "xml", "externalDocs", "example", "examples", "title", "description", "summary", "default", "deprecated",
	"contentEncoding", "contentMediaType", "contentSchema",
}

// unknown reports keywords that are not known and so ignored: most likely they
// are misspelt.
func (c *compiler) unknown(name string) {
	if strings.HasPrefix(name, "x-") || slices.Contains(keywords[:], name) {
		return
	}
	v := c.a.get(name)
	for _, k := range keywords {
		if strings.EqualFold(name, k) {
			c.finding(v, false, "keyword "+name+" is ignored; it is written "+k)
			return
		}
	}
	c.finding(v, false, "keyword "+name+" is not known and ignored")
}

// bare reports an object that says nothing of its members, and so takes any.
func (c *compiler) bare() {
	s := c.s
	if s.types == AnyType || s.types&TypeObject == 0 || s.inPlace != nil || s.enum != nil || s.konst != nil || s.unsupported {
		return
	}
	if o := s.object; o != nil && (len(o.props) > 0 || len(o.patterns) > 0 || o.additional != nil || o.rest != nil || o.names != nil || o.max == 0) {
		return
	}
	c.finding(c.a, false, "an object that declares no member takes any; declare them, or write additionalProperties: true where that is meant")
}
