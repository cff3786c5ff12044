package main

import (
	"bytes"
	"fmt"
)

// How many operations the two descriptions have that are compared.
const (
	fewOperations  = 10
	manyOperations = 10_000
)

// ownOperations is how many operations testdata/orders.openapi.yaml has.
const ownOperations = 3

// thing is what the description says of one resource besides the orders: five
// operations on two paths, and a schema of its own. No path has an id, so that the
// configuration need not say whose it is, and is the same for every number.
var thing = struct{ list, create, read, update, remove, schema string }{
	list: `  /v1/things%[1]d:
    get:
      operationId: listThings%[1]d
      tags: [orders]
      parameters: [{name: limit, in: query, schema: {type: integer, minimum: 1, maximum: 100}}]
      responses: {"200": {description: things, content: {application/json: {schema: {type: object, properties: {items: {type: array, maxItems: 100, items: {$ref: "#/components/schemas/Thing%[1]d"}}}}}}}}
`,
	create: `    post:
      operationId: createThing%[1]d
      tags: [orders]
      requestBody: {required: true, content: {application/json: {schema: {$ref: "#/components/schemas/Thing%[1]d"}}}}
      responses: {"201": {description: made, content: {application/json: {schema: {$ref: "#/components/schemas/Thing%[1]d"}}}}}
`,
	read: `  /v1/things%[1]d/latest:
    get:
      operationId: getLatestThing%[1]d
      tags: [orders]
      responses: {"200": {description: a thing, content: {application/json: {schema: {$ref: "#/components/schemas/Thing%[1]d"}}}}}
`,
	update: `    patch:
      operationId: updateLatestThing%[1]d
      tags: [orders]
      requestBody: {required: true, content: {application/json: {schema: {$ref: "#/components/schemas/Thing%[1]d"}}}}
      responses: {"200": {description: changed, content: {application/json: {schema: {$ref: "#/components/schemas/Thing%[1]d"}}}}}
`,
	remove: `    delete:
      operationId: deleteLatestThing%[1]d
      tags: [orders]
      responses: {"204": {description: gone}}
`,
	schema: `    Thing%[1]d:
      type: object
      additionalProperties: false
      properties:
        id: {type: string, maxLength: 36}
        customer_id: {type: string, maxLength: 36}
        tenant_id: {type: string, maxLength: 36}
        kind: {type: string, enum: [small, large, kind%[1]d]}
        created: {type: string, format: date-time}
        weight: {type: integer, minimum: 0, maximum: %[1]d}
        note: {type: string, maxLength: 500}
`,
}

// describe returns the description of the orders with as many more operations,
// on other resources, as make n in all.
func describe(n int) []byte {
	var paths, schemas bytes.Buffer
	resources := 0
	for left := n - ownOperations; left > 0; resources++ {
		for _, part := range []string{thing.list, thing.create, thing.read, thing.update, thing.remove}[:min(left, 5)] {
			fmt.Fprintf(&paths, part, resources)
			left--
		}
		fmt.Fprintf(&schemas, thing.schema, resources)
	}
	const mark = "components:\n  schemas:\n"
	before, after, _ := bytes.Cut(ordersDescription, []byte(mark))
	return bytes.Join([][]byte{before, paths.Bytes(), []byte(mark), schemas.Bytes(), after}, nil)
}
