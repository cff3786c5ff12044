// Package object lets a caller touch its own objects only: the third level of
// authorization, on every request.
//
// It defends from broken object level authorization (OWASP API1): a caller who
// is known, who may call the operation, and who asks for somebody else's order.
// A read is compared with the reply before a byte of it leaves; a write is
// compared with the object's present state, read upstream before the write is
// let through; a creation may not name another owner; of a list every element is
// compared. What cannot be compared is refused. An operation with an id in its
// path that no object covers does not compile.
package object

import "github.com/gatehouse-api/gatehouse"

// Kind is this control's entry in the catalogue.
var Kind = gatehouse.Kind{
	Name:   "object",
	New:    func() gatehouse.Control { return &Config{} },
	Covers: []gatehouse.Requirement{"authz.object", "authz.object-response", "authz.existence"},
}

// Config is what an operator writes under "object:".
type Config struct {
	// Objects holds what the API is about, by name.
	Objects map[string]*Object `yaml:"objects"`
	// NoObject names, by operationId, the operations that have an id in their path
	// and no object behind it, and why.
	NoObject map[string]*gatehouse.Waiver `yaml:"no_object"`
	// Roles holds, by role, the operations that its holders may call. It is the
	// API's own roles. An operationId lets them call it on objects that are not
	// their own, inside their tenant; tags and prefixes do not.
	Roles map[string][]string `yaml:"roles"`
}

// Object is one kind of object.
type Object struct {
	// ID is where a request names the object: "path.orderId".
	ID string `yaml:"id"`
	// Owner is where the owner's id stands: "response.customer_id" in the object as
	// the upstream gives it, or "path.userId". It must equal the caller's id.
	Owner string `yaml:"owner"`
	// Tenant is where the tenant's id stands, likewise. No role crosses it.
	Tenant string `yaml:"tenant"`
	// Operations holds operationIds by what they do: read, update, delete, list,
	// create. What is left out follows from the description.
	Operations map[string][]string `yaml:"operations"`
	// Before is how a write knows the owner. There is one way: "lookup".
	Before string `yaml:"before"`
	// Create says how objects are made.
	Create *Create `yaml:"create"`
	// List says how lists of objects look.
	List *List `yaml:"list"`
	// Allow holds what is allowed, by who: "owner" or "role:NAME". Left out, the
	// owner may read and update. Reading includes lists of one's own, updating
	// includes making new ones. Deleting is allowed by name only.
	Allow map[string][]string `yaml:"allow"`
	// OnDeny is the status of a refusal: 403, or 404 so that nobody learns whether
	// the object exists. Default 403.
	OnDeny int `yaml:"on_deny"`
}

// Create says how objects are made.
type Create struct {
	Operation string `yaml:"operation"` // operationId
}

// List says how lists of objects look.
type List struct {
	Operation string `yaml:"operation"`  // operationId
	Each      string `yaml:"each"`       // "response.items[*]"; left out, from the description
	OnForeign string `yaml:"on_foreign"` // what becomes of others' elements: deny (default) or drop
}

var _ gatehouse.Control = (*Config)(nil)
