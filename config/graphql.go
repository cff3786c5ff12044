package config

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// graphQL returns what is written under a key of the API's control graphql, in the
// short form or the long one, or nil.
func (a *API) graphQL(key string) *yaml.Node {
	if n := a.block.GraphQL.Node; n != nil {
		if n.Kind != yaml.MappingNode && key == "schema" {
			return n
		}
		if _, v := lookup(n, key); v != nil {
			return v
		}
	}
	_, block := lookup(a.block.Controls.Node, "graphql")
	_, v := lookup(block, key)
	return v
}

// graphQL describes an API that has no description and speaks GraphQL: one path, to
// which requests are posted as GraphQL over HTTP has it.
func (r *reader) graphQL(a *API) {
	if a.graphQL("schema") == nil {
		return
	}
	path := "/graphql"
	if n := a.graphQL("path"); n != nil {
		path = n.Value
		if n.Kind != yaml.ScalarNode || !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "{}?#%\\;\"") || strings.Contains(path, "//") || strings.ContainsFunc(path, func(c rune) bool { return c <= ' ' || c > '~' }) {
			r.wrong(n, join(a.key, "graphql.path"), "expected a plain path", "/graphql")
			return
		}
	}
	get := ""
	if n := a.graphQL("get"); n != nil && n.Value == "true" {
		get = byGet
	}
	a.block.OpenAPI = speaksGraphQL
	doc, err := openapi.Parse(a.Name+".openapi.yaml", fmt.Appendf(nil, overHTTP, a.Name, path, get))
	if err != nil {
		r.faults(err, fallback{at: a.Place, key: a.key, fix: "openapi: a description of your own, with an operation that takes GraphQL"})
		return
	}
	a.description = describeDocument(doc)
}

// speaksGraphQL stands where other APIs have the path of their description.
const speaksGraphQL = "the GraphQL API"

// overHTTP describes GraphQL over HTTP: its name, its path, and what a GET takes.
const overHTTP = `openapi: 3.0.3
info: {title: %q, version: "1"}
paths:
  %q:
    post:
      operationId: postGraphQL
      requestBody:
        required: true
        content:
          application/json:
            schema: {oneOf: [{$ref: "#/components/schemas/Request"}, {type: array, minItems: 1, maxItems: 10, items: {$ref: "#/components/schemas/Request"}}]}
      responses: {"200": {$ref: "#/components/responses/Result"}, "400": {$ref: "#/components/responses/Result"}}
%scomponents:
  responses:
    Result:
      description: data, errors
      content:
        application/json: {schema: {$ref: "#/components/schemas/Result"}}
        application/graphql-response+json: {schema: {$ref: "#/components/schemas/Result"}}
  schemas:
    Request:
      type: object
      properties:
        query: {type: string, nullable: true, maxLength: 1000000}
        operationName: {type: string, nullable: true, maxLength: 256}
        documentId: {type: string, nullable: true, maxLength: 256}
        variables: {type: object, nullable: true, additionalProperties: true}
        extensions: {type: object, nullable: true, additionalProperties: true}
    Result: {}
`

const byGet = `    get:
      operationId: getGraphQL
      parameters:
        - {name: query, in: query, schema: {type: string, maxLength: 1000000}}
        - {name: operationName, in: query, schema: {type: string, maxLength: 256}}
        - {name: documentId, in: query, schema: {type: string, maxLength: 256}}
        - {name: variables, in: query, schema: {type: string, maxLength: 1000000}}
      responses: {"200": {$ref: "#/components/responses/Result"}, "400": {$ref: "#/components/responses/Result"}}
`

// within adds to folders the files that are in them: a change of one is a change.
func within(paths []string) []string {
	var out []string
	for _, p := range paths {
		_ = filepath.WalkDir(p, func(path string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() || path == p {
				out = append(out, path)
			}
			return nil
		})
	}
	return out
}
