package role

import (
	"context"

	"github.com/gatehouse-api/gatehouse"
)

var adminRequired = &gatehouse.Answer{Status: 403, Reason: "role.admin_required", Public: "Your role may not do this"}

func (g *grants) enforce(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	if p := x.Principal; p != nil {
		for i := range g.roles {
			if r := &g.roles[i]; r.role == everybody || p.HasRole(r.role) {
				return r.verdict, nil
			}
		}
	}
	if g.admin {
		return gatehouse.Deny(adminRequired), nil
	}
	return gatehouse.Pass, nil
}
