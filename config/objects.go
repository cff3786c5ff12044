package config

import "slices"

// Objects returns the names of the objects that the API's rules speak of, in their
// order.
func (a *API) Objects() (list []string) {
	for _, b := range a.everyBlock() {
		if b.kind.Name != "object" && b.kind.Name != "graphql" {
			continue
		}
		_, objects := lookup(b.node, "objects")
		for k := range pairs(objects) {
			name := k.Value
			if b.kind.Name == "graphql" && a.policy != nil {
				name = a.policy.Kind(name) // the map of owners knows a type Order as order
			}
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
