// Package reasoned lets controls say why they refused without making those pay who
// pass: judging says no more than no, and what was refused is looked at once more.
package reasoned

import (
	"context"

	"github.com/gatehouse-api/gatehouse"
)

// Enforcing is the function of a step.
type Enforcing = func(context.Context, *gatehouse.Exchange) (gatehouse.Verdict, error)

// By lets why note the reasons of what enforce refuses.
func By(enforce Enforcing, why func(*gatehouse.Exchange, gatehouse.Verdict)) Enforcing {
	return func(ctx context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
		v, err := enforce(ctx, x)
		if err == nil && v.Denied() {
			why(x, v)
		}
		return v, err
	}
}
