package policy

import (
	"context"
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

var (
	denied    = &gatehouse.Answer{Status: 403, Reason: "policy.denied", Public: "You may not do this"}
	permitted = gatehouse.Grant("policy.permitted")
)

// decide asks the policies: what they permit is granted, and what they do not is
// refused, whoever else would grant it.
func (d *decider) decide(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	p := x.Principal
	if p == nil || p.ID == "" {
		return gatehouse.Deny(denied), nil
	}
	s, err := d.policy.Subject(policy.Caller{Service: p.Kind == "client", ID: p.ID, Tenant: p.Tenant, Roles: p.Roles, Scopes: p.Scopes, Claim: p.Claim})
	if err != nil {
		return gatehouse.Verdict{}, err
	}
	f := policy.Facts{Subject: s, Param: x.Request.Param, At: x.At, Address: x.Conn.Client, Operation: d.template.Name}
	said := d.template.Decide(&f)
	switch err := said.Err(); {
	case err != nil:
		return gatehouse.Deny(denied).Because(err.Error()), nil
	case !said.Allowed:
		return gatehouse.Deny(denied).Because(names("forbidden by ", said)), nil
	}
	return permitted.Because(names("permitted by ", said)), nil
}

// names says which policies decided.
func names(says string, d cedar.Decision) string {
	var ids []string
	for _, p := range d.Deciding() {
		ids = append(ids, p.ID)
	}
	if len(ids) == 0 {
		return "no policy permits it"
	}
	return says + strings.Join(ids, ", ")
}
