package config

import "slices"

// Objects returns the names of the objects that the API's rules speak of, in their
// order.
func (a *API) Objects() (list []string) {
	for _, b := range a.everyBlock() {
		if b.kind.Name != "object" {
			continue
		}
		_, objects := lookup(b.node, "objects")
		for k := range pairs(objects) {
			list = append(list, k.Value)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
