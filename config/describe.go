package config

import (
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// description is what the configuration needs to know of an API's description.
type description struct {
	document   *openapi.Document
	operations []gatehouse.Operation
	byID       map[string]gatehouse.Operation
	ids        []string
	shapes     []string                         // in the order of the description
	byShape    map[string][]gatehouse.Operation // operations whose paths differ in parameter names at most
}

// describe loads a description. Its operations are *openapi.Operations.
func describe(path string, o openapi.LoadOptions) (*description, error) {
	doc, err := o.Load(path)
	if err != nil {
		return nil, err
	}
	return describeDocument(doc), nil
}

func describeDocument(doc *openapi.Document) *description {
	d := &description{document: doc, byID: map[string]gatehouse.Operation{}, byShape: map[string][]gatehouse.Operation{}}
	for _, op := range doc.Operations {
		d.operations = append(d.operations, op)
		d.byID[op.ID()] = op
		d.ids = append(d.ids, op.ID())
		s := shape(op.Template())
		if d.byShape[s] == nil {
			d.shapes = append(d.shapes, s)
		}
		d.byShape[s] = append(d.byShape[s], op)
	}
	return d
}

// shape is a template without the names of its parameters: the paths it takes.
func shape(template string) string {
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(template, "{")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		b.WriteString("{}")
		_, template, _ = strings.Cut(rest, "}")
	}
}
