// Package policy is the model of an API's authorization: what its objects are,
// whose they are, and who may do what to them.
//
// It defends from rules that mean one thing in one place and another elsewhere.
// The gate, the SQL of the application behind it, the tests of policies and the
// explanations all read the same model, and none of them has one of its own.
package policy

import (
	"fmt"
	"strconv"
)

// Object is one kind of object.
type Object struct {
	// ID is where a request names the object: "path.orderId", "query.orderId",
	// "header.x-order" or "body.id"; "body.items[*].id" is every one of them.
	ID string `yaml:"id"`
	// IDs holds, by operationId, where an operation names objects otherwise than ID
	// says. Every object that is named is checked.
	IDs map[string][]string `yaml:"ids"`
	// ReplyID is where a reply that holds the object has its id: "response.id". It is
	// asked for where elements of a list, or objects inside others, are told apart by
	// their ids. Left out, it is what Create learns, or the member that is called like
	// the parameter of the path, or "id".
	ReplyID string `yaml:"reply_id"`
	// Owner is where the owner's id stands: "response.customer_id" in the object as
	// the upstream gives it, "path.userId", or "owners", the map that the gateway
	// keeps. It must equal the caller's id.
	Owner string `yaml:"owner"`
	// Tenant is where the tenant's id stands, likewise. No role crosses it.
	Tenant string `yaml:"tenant"`
	// Operations holds operationIds by what they do: read, update, delete, list,
	// create. What is left out follows from the description.
	Operations map[string][]string `yaml:"operations"`
	// Before is how a write knows the owner: "lookup" reads the object upstream,
	// "owners" asks the map that the gateway keeps. Left out, it is the map for
	// objects whose owner is there, and a lookup for all others.
	Before string `yaml:"before"`
	// BeforeReads names, by operationId, the reads whose owner is known before as well,
	// since they do something.
	BeforeReads []string `yaml:"before_reads"`
	// Create says how objects are made.
	Create *Creation `yaml:"create"`
	// List says how lists of objects look.
	List *Listing `yaml:"list"`
	// Allow holds what is allowed, by who: "owner" or "role:NAME". Left out, the
	// owner may read and update. Reading includes lists of one's own, updating
	// includes making new ones. Deleting is allowed by name only.
	Allow map[string][]string `yaml:"allow"`
	// Scopes holds the scope that an action demands, on top of what Allow says.
	Scopes map[string]string `yaml:"scopes"`
	// Fields says which members of the object a role may not see, and which ones
	// only some roles may set.
	Fields *Fields `yaml:"fields"`
	// Inject holds, by action, the parameters of the query that are set for the
	// upstream, whatever the caller sent: each to the caller's "tenant" or "id".
	Inject map[string]map[string]string `yaml:"inject"`
	// Nested holds the other objects that stand inside this one, by their place:
	// "response.lines[*].customer": customer. Those that the description shows to be
	// of one schema need not be named.
	Nested map[string]string `yaml:"nested"`
	// OnDeny is the status of a refusal: 403, or 404 so that nobody learns whether
	// the object exists; one for all actions, or by action. Default 403.
	OnDeny Refusals `yaml:"on_deny"`
	// Learn is "suggest" where the gateway learns from traffic whose the objects are, to
	// suggest rules and to notice who is given what is another's. It enforces nothing.
	Learn string `yaml:"learn"`
	// Table is where the application keeps these objects, for its SQL.
	Table *Table `yaml:"table"`
}

// Creation says how objects are made.
type Creation struct {
	Operation string `yaml:"operation"` // operationId
	Learn     string `yaml:"learn"`     // where the reply names the new object: "response.id"
}

// Listing says how lists of objects look.
type Listing struct {
	Operation string `yaml:"operation"`  // operationId
	Each      string `yaml:"each"`       // "response.items[*]"; left out, from the description
	OnForeign string `yaml:"on_foreign"` // what becomes of others' elements: deny (default) or drop
	// Totals names the numbers that count elements, such as "response.meta.total", where
	// elements are dropped and the names do not tell. They do not leave as they are.
	Totals []string `yaml:"totals"`
}

// Fields says what roles may see and set of an object.
type Fields struct {
	Read FieldsRead `yaml:"read"`
	// Write holds, by "role:NAME", the members that only these roles may set.
	Write map[string][]string `yaml:"write"`
}

// FieldsRead says what roles may see of an object.
type FieldsRead struct {
	// Hide holds, by "role:NAME", the members that holders of the role do not see.
	Hide map[string][]string `yaml:"hide"`
}

// Table is where an application keeps objects, in columns of its database. A column
// is written "name" or "name type": text, integer, boolean or uuid, where it is not
// what the attribute is.
type Table struct {
	Name   string `yaml:"name"`
	ID     string `yaml:"id"`     // column of the object's id; "id" when left out
	Tenant string `yaml:"tenant"` // column of the tenant's id
	Owner  string `yaml:"owner"`  // column of the owner's id
	// Columns holds the columns of other attributes that policies read, by
	// attribute. Those that are left out are called like their attributes.
	Columns map[string]string `yaml:"columns"`
}

// Refusals holds the status of a refusal by action; the one under "" is for the
// actions that are not named.
type Refusals map[string]int

// UnmarshalText reads one status for all actions.
func (r *Refusals) UnmarshalText(text []byte) error {
	status, err := strconv.Atoi(string(text))
	if err != nil {
		return fmt.Errorf("expected 403 or 404, or a block of them by action, found %q", text)
	}
	*r = Refusals{"": status}
	return nil
}

// Status returns the status of a refusal of the action: 403 where nothing is said.
func (r Refusals) Status(a Action) int {
	if status, ok := r[a.String()]; ok {
		return status
	}
	if status, ok := r[""]; ok {
		return status
	}
	return 403
}
