// Package asked puts a caller to the policies, and says for the trail what they
// answered: the same for every control that asks them.
package asked

import (
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

// Caller returns a principal as policies know callers.
func Caller(p *gatehouse.Principal) policy.Caller {
	return policy.Caller{Service: p.IsClient(), ID: p.ID, Tenant: p.Tenant, Roles: p.Roles, Scopes: p.Scopes, Claim: p.Claim}
}

// Why names the policies that decided, for the trail. A policy's own reason is text
// of the configuration.
func Why(d cedar.Decision) string {
	list := d.Deciding()
	if len(list) == 0 {
		return "no policy permits it"
	}
	var b strings.Builder
	if d.Allowed {
		b.WriteString("permitted by ")
	} else {
		b.WriteString("forbidden by ")
	}
	for i, p := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(p.ID)
		if p.Reason != "" {
			b.WriteString(" (" + p.Reason + ")")
		}
	}
	return b.String()
}
