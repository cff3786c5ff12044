package main

import (
	"strings"
	"time"
)

// demoAudience is whom the demo's tokens are meant for.
const demoAudience = "https://api.example.com/orders"

// demoConfig is the configuration of the demo as a visitor reads it.
type demoConfig struct {
	listen, admin, upstream, kept, issuer string // addresses, and the issuer's URL
	until                                 time.Time
}

// text returns gatehouse.yaml.
func (c demoConfig) text() string {
	return strings.NewReplacer(
		"$LISTEN", c.listen, "$ADMIN", c.admin, "$UPSTREAM", c.upstream, "$KEPT", c.kept, "$ROWS", keptHost, "$ISSUER", c.issuer, "$UNTIL", c.until.Format(time.DateOnly),
	).Replace(demoYAML)
}

// keptHost is the name of the API whose rows the application itself keeps apart.
const keptHost = "rows.localhost"

const demoYAML = `# The demo's whole configuration. Everything that is not written here is on, with
# the numbers of the guides: gatehouse explain GET /v1/orders/{orderId} prints the result.
environment: development                  # the API below is reached without TLS
listen:
  address: "$LISTEN"
  tls: {cert: state/demo.crt, key: state/demo.key}   # made by the demo, for this machine only
admin: {address: "$ADMIN"}
state: state
log: access.jsonl

idp:                                      # our own authorization server, behind the same controls
  issuer: $ISSUER
  scopes: [account, orders:read, orders:write, users:admin]
  people:
    product: Gatehouse demo
    scopes:                               # what the page that asks for consent says
      account: "see and change your account"
      orders:read: "see your orders"
      orders:write: "place and change orders for you"
      users:admin: "manage users, where you are an administrator"

apis:
  orders:
    openapi: orders.openapi.yaml          # operations, methods, schemas, sizes, scopes: all of it comes from here
    upstream: http://$UPSTREAM     # the vulnerable API
    audience: https://api.example.com/orders
    issuer: self                          # or any OpenID provider: https://login.example.com
    origins: [https://app.example.com]

    objects:                              # whose is it? asked on every request, and of every reply
      order:
        id: path.orderId
        owner: response.customer_id
        tenant: response.tenant_id
        operations: {list: [listOrders, searchOrders, listOrdersV0]}
        allow: {owner: [read, update, delete], "role:support": [read]}
    no_object:
      deleteUser: {because: "administrators manage every user", owner: demo@example.com, until: $UNTIL}

    roles:                                # who may call what, beyond their own objects
      admin: [listUsers, deleteUser]
      authenticated: [getMe, updateMe]

    public:                               # who needs no token, why, and until when
      getStatus: {because: "the status page asks without a token", owner: demo@example.com, until: $UNTIL}
      login: {because: "whoever logs in has no token yet", owner: demo@example.com, until: $UNTIL}

    controls:
      ratelimit: {account: email}         # guesses count per account, too
      identity: {plain: {x-user-id: sub, x-tenant-id: tenant}}   # the old API reads these fields: now they are ours
      version:
        versions:
          v0: {state: closed, deprecated: 2025-01-01, sunset: 2025-12-31, link: https://docs.example.com/orders/v1}
          v1: {state: current}

  # The same application with the same holes, but its queries go through sdk/rows. The gateway's
  # own rules for objects are off here, on purpose: its rows must hold without them.
  kept:
    openapi: orders.openapi.yaml
    upstream: http://$KEPT
    hosts: [$ROWS]
    audience: https://api.example.com/orders
    issuer: self
    roles:
      admin: [listUsers, deleteUser]
      authenticated: [getMe, updateMe, "tag:orders"]
    public:
      getStatus: {because: "the status page asks without a token", owner: demo@example.com, until: $UNTIL}
      login: {because: "whoever logs in has no token yet", owner: demo@example.com, until: $UNTIL}
    controls:
      object: {off: {because: "shows that the application's rows hold alone", owner: demo@example.com, until: $UNTIL}}
`
