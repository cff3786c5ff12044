package config

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/words"
)

const samplePermit = `{what: [encoded_slash], because: "names of files", owner: sre@example.com, until: 2027-06-30}`

// permits reads which operations take spellings that are refused elsewhere. Each
// block is a waiver with what it is for.
func (r *reader) permits(a *API) {
	a.Permits = map[string]gatehouse.Permit{}
	key := join(a.key, "permit")
	if n := a.block.Permit.Node; n != nil && n.Kind != yaml.MappingNode {
		r.wrong(n, key, "expected a block of operation ids, found "+found(n), "{getFile: "+samplePermit+"}")
	}
	for k, v := range pairs(a.block.Permit.Node) {
		if !r.operation(a, k, key) {
			continue
		}
		at := join(key, k.Value)
		if v.Kind != yaml.MappingNode {
			r.wrong(v, at, "expected what is permitted and a waiver, found "+found(v), samplePermit)
			continue
		}
		what := r.what(v, at)
		if r.waiver(v, at, "what") != nil {
			a.Permits[k.Value] = what
		}
	}
}

// what reads the names of the spellings.
func (r *reader) what(n *yaml.Node, key string) (set gatehouse.Permit) {
	_, list := lookup(n, "what")
	if list == nil {
		r.wrong(n, key, "nothing says what is permitted", samplePermit)
		return 0
	}
	key = join(key, "what")
	for _, c := range r.texts(list, key) {
		p, ok := gatehouse.ParsePermit(c.Value)
		if !ok {
			names := gatehouse.PermitNames()
			fix := words.Nearest(c.Value, names)
			if fix == "" {
				fix = "one of: " + strings.Join(names, ", ")
			}
			r.wrong(c, key, fmt.Sprintf("%q cannot be permitted", c.Value), fix)
		}
		set |= p
	}
	return set
}
