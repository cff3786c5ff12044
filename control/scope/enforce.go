package scope

import (
	"context"

	"github.com/gatehouse-api/gatehouse"
)

var nobody = &gatehouse.Answer{Status: 401, Reason: "scope.nobody", Public: "Authentication required",
	Fields: gatehouse.Fields{{Name: "www-authenticate", Value: "Bearer"}}}

func (d *demand) enforce(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	p := x.Principal
	if p == nil {
		return gatehouse.Deny(nobody), nil
	}
	if !hasAll(p, d.all) || !d.hasAny(p) {
		return gatehouse.Deny(d.answer), nil
	}
	return gatehouse.Pass, nil
}

func (d *demand) hasAny(p *gatehouse.Principal) bool {
	for _, list := range d.any {
		if hasAll(p, list) {
			return true
		}
	}
	return len(d.any) == 0
}

func hasAll(p *gatehouse.Principal, scopes []string) bool {
	for _, s := range scopes {
		if !p.HasScope(s) {
			return false
		}
	}
	return true
}
