package policy

import (
	"context"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/control/internal/asked"
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
	s, err := asked.Subject(d.policy, p)
	if err != nil {
		return gatehouse.Verdict{}, err
	}
	f := policy.Facts{Subject: s, Path: &x.Request, At: x.At, Address: x.Conn.Client, Operation: d.template.Name}
	said := d.template.Decide(&f)
	switch err := said.Err(); {
	case err != nil:
		return gatehouse.Deny(denied).Because(err.Error()), nil
	case !said.Allowed:
		return gatehouse.Deny(denied).Because(asked.Why(said)), nil
	}
	return permitted.Because(asked.Why(said)), nil
}
