package casetest

// Orders is the description of the API that cases use where they bring none.
const Orders = `openapi: 3.0.3
info: {title: Orders, version: "1"}
servers: [{url: https://api.example.com}]
paths:
  /v1/orders:
    get:
      operationId: listOrders
      tags: [orders]
      parameters:
        - {name: limit, in: query, schema: {type: integer, minimum: 1, maximum: 100}}
        - {name: status, in: query, schema: {type: string, enum: [open, shipped]}}
      responses:
        "200": {description: ok, content: {application/json: {schema: {type: object, properties: {items: {type: array, items: {$ref: "#/components/schemas/Order"}}}}}}}
    post:
      operationId: createOrder
      tags: [orders]
      requestBody: {required: true, content: {application/json: {schema: {$ref: "#/components/schemas/NewOrder"}}}}
      responses:
        "201": {description: made, content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}
        "200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}
  /v1/orders/{orderId}:
    parameters: [{name: orderId, in: path, required: true, schema: {type: string, maxLength: 36}}]
    get:
      operationId: getOrder
      tags: [orders]
      responses:
        "200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}
    patch:
      operationId: updateOrder
      tags: [orders]
      requestBody: {required: true, content: {application/json: {schema: {$ref: "#/components/schemas/Change"}}}}
      responses:
        "200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}
    delete:
      operationId: deleteOrder
      tags: [orders]
      responses:
        "204": {description: gone}
        "200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Order"}}}}
  /v1/status:
    get:
      operationId: getStatus
      responses:
        "200": {description: ok, content: {application/json: {schema: {type: object, additionalProperties: true}}}}
  /v1/admin/users:
    get:
      operationId: listUsers
      tags: [admin]
      responses:
        "200": {description: ok, content: {application/json: {schema: {type: object, additionalProperties: true}}}}
components:
  schemas:
    Order:
      type: object
      properties:
        id: {type: string}
        customer_id: {type: string}
        tenant_id: {type: string}
        item: {type: string, maxLength: 100}
        quantity: {type: integer, minimum: 1, maximum: 1000}
        note: {type: string, maxLength: 500}
    NewOrder:
      type: object
      required: [item, quantity]
      properties:
        item: {type: string, maxLength: 100}
        quantity: {type: integer, minimum: 1, maximum: 1000}
        note: {type: string, maxLength: 500}
    Change:
      type: object
      minProperties: 1
      properties:
        quantity: {type: integer, minimum: 1, maximum: 1000}
        note: {type: string, maxLength: 500}
`
