package object

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/control/internal/percent"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

// injection sets parameters of the query for the upstream, whatever the caller sent.
type injection struct{ forced []forced }

// forced is one parameter.
type forced struct {
	name   string
	tenant bool // the caller's tenant, else its id
}

// injectionOf compiles what is set for an action.
func injectionOf(o *policy.Object, b *gatehouse.Build, k string, a policy.Action) ([]gatehouse.Step, error) {
	in := &injection{}
	params := o.Inject[a.String()]
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("&=+%#;", r) }) {
			return nil, &gatehouse.Fault{Key: k + ".inject." + a.String(), Says: "the parameter's name would have to be escaped", Fix: "tenant_id"}
		}
		in.forced = append(in.forced, forced{name, params[name] == "tenant"})
	}
	if len(in.forced) == 0 || b.Public != nil {
		return nil, nil
	}
	return []gatehouse.Step{{Control: Kind.Name, Stage: gatehouse.Forward, Enforce: in.set}}, nil
}

// set takes the caller's own parameters of these names away, in any spelling that
// some reader takes for them, and puts ours behind the others.
func (in *injection) set(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	p := x.Principal
	if p == nil || p.ID == "" {
		return gatehouse.Deny(notAllowed), nil
	}
	for _, f := range in.forced {
		if f.tenant && p.Tenant == "" {
			return gatehouse.Deny(noTenant), nil
		}
	}
	x.Request.Query = x.Append(func(b []byte) []byte {
		from := len(b)
		for rest := x.Request.Query; rest != ""; {
			var pair string
			pair, rest, _ = strings.Cut(rest, "&")
			if raw, _, _ := strings.Cut(pair, "="); pair == "" || in.ours(raw) {
				continue
			}
			b = append(separated(b, from), pair...)
		}
		for _, f := range in.forced {
			value := p.ID
			if f.tenant {
				value = p.Tenant
			}
			b = append(append(separated(b, from), f.name...), '=')
			b = appendSegment(b, value)
		}
		return b
	})
	return injected, nil
}

func separated(b []byte, from int) []byte {
	if len(b) > from {
		return append(b, '&')
	}
	return b
}

// ours reports whether a parameter is called like one that is set.
func (in *injection) ours(raw string) bool {
	var room [64]byte
	name := percent.Append(room[:0], raw, true)
	for _, f := range in.forced {
		if bare, _, _ := strings.Cut(string(name), "["); strings.EqualFold(bare, f.name) {
			return true
		}
	}
	return false
}
