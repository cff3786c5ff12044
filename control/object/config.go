// Package object lets a caller touch its own objects only: the third level of
// authorization, on every request.
//
// It defends from broken object level authorization (OWASP API1): a caller who
// is known, who may call the operation, and who asks for somebody else's order.
// A read is compared with the reply before a byte of it leaves; a write is
// compared before it is let through, with the object's present state or with a map
// of owners; a creation may not name another owner; of a list every element is
// compared, and so is every other object that stands inside a reply. Every id of a
// request is looked at, wherever it stands, in one spelling. What cannot be compared
// is refused. An operation that names an object which nobody checks does not compile.
package object

import (
	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

// Kind is this control's entry in the catalogue.
var Kind = gatehouse.Kind{
	Name:   "object",
	New:    func() gatehouse.Control { return &Config{} },
	Covers: []gatehouse.Requirement{"authz.object", "authz.object-response", "authz.existence", "authz.property"},
}

// Config is what an operator writes under "object:".
type Config struct {
	// Objects holds what the API is about, by name.
	Objects map[string]*policy.Object `yaml:"objects"`
	// NoObject names, by operationId, the operations that have an id in their path
	// and no object behind it, and why.
	NoObject map[string]*gatehouse.Waiver `yaml:"no_object"`
	// Settable names members of power, such as a role, that every caller may send, as
	// "operationId.member", and says why.
	Settable map[string]*gatehouse.Waiver `yaml:"settable"`
	// Roles holds, by role, the operations that its holders may call. It is the
	// API's own roles. An operationId lets them call it on objects that are not
	// their own, inside their tenant; tags and prefixes do not.
	Roles map[string][]string `yaml:"roles"`
	// Learn is "suggest" where the gateway learns whose the objects are of all operations
	// with an id in their path and no rule for owners. It enforces nothing.
	Learn string `yaml:"learn"`

	policy *policy.Policy // of the API, or nil
}

var _ gatehouse.Control = (*Config)(nil)
