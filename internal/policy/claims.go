package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/bundle"
)

// Claims declares, by name, the claims of tokens that policies may read as
// attributes of principal, and their types: String, Long, Bool, Set<String> or
// Set<Long>. "optional Long" is a claim that may be missing; without optional, a
// policy that reads a claim which is missing denies.
type Claims map[string]string

// claimTypes are the types that a claim can have.
var claimTypes = []Type{TypeString, TypeLong, TypeBool, TypeStrings, TypeLongs}

// attributes returns the declared claims, in the order of their names.
func (c Claims) attributes() ([]Attribute, error) {
	var out []Attribute
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(c)) {
		typ, optional := strings.CutPrefix(c[name], "optional ")
		t := slices.IndexFunc(claimTypes, func(t Type) bool { return t.String() == typ })
		switch {
		case t < 0:
			errs = append(errs, &Fault{"principal." + name, fmt.Sprintf("there is no type %q for a claim", c[name]), "String, Long, Bool, Set<String> or Set<Long>; optional String where tokens may be without"})
		case name == "":
			errs = append(errs, &Fault{"principal." + name, "a claim needs a name", "region: String"})
		case slices.Contains(bundle.Given(), name):
			errs = append(errs, &Fault{"principal." + name, "every principal has this attribute already", "another claim"})
		default:
			out = append(out, Attribute{Name: name, Type: claimTypes[t], Required: !optional, From: "token." + name})
		}
	}
	return out, errors.Join(errs...)
}
