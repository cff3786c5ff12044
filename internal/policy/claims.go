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
// Set<Long>. A name that ends in "?" may be missing from tokens; without it, a
// policy that reads a claim which is missing denies.
type Claims map[string]string

// claimTypes are the types that a claim can have.
var claimTypes = []Type{TypeString, TypeLong, TypeBool, TypeStrings, TypeLongs}

// attributes returns the declared claims, in the order of their names.
func (c Claims) attributes() ([]Attribute, error) {
	var out []Attribute
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(c)) {
		name, optional := strings.CutSuffix(key, "?")
		t := slices.IndexFunc(claimTypes, func(t Type) bool { return t.String() == c[key] })
		switch {
		case t < 0:
			errs = append(errs, &Fault{"principal." + key, fmt.Sprintf("there is no type %q for a claim", c[key]), "String, Long, Bool, Set<String> or Set<Long>"})
		case name == "":
			errs = append(errs, &Fault{"principal." + key, "a claim needs a name", "region: String"})
		case slices.Contains(bundle.Given(), name):
			errs = append(errs, &Fault{"principal." + key, "every principal has this attribute already", "another claim"})
		case optional && c[name] != "":
			errs = append(errs, &Fault{"principal." + key, "the claim is declared twice", "one of the two"})
		default:
			out = append(out, Attribute{Name: name, Type: claimTypes[t], Required: !optional, From: "token." + name})
		}
	}
	return out, errors.Join(errs...)
}
