// Package asked puts a caller to the policies, and says for the trail what they
// answered: the same for every control that asks them.
package asked

import (
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/internal/policy"
	"github.com/gatehouse-api/gatehouse/internal/relations"
)

// Subject returns a principal as policies see it: the one that it keeps, where it is
// theirs.
func Subject(by *policy.Policy, p *gatehouse.Principal) (*policy.Subject, error) {
	if kept := p.Subject.Load(); kept != nil {
		if s, ok := (*kept).(*policy.Subject); ok && s.Of(by) {
			return s, nil
		}
	}
	s, err := by.Subject(policy.Caller{Service: p.IsClient(), ID: p.ID, Tenant: p.Tenant, Roles: p.Roles, Scopes: p.Scopes, Claim: p.Claim})
	if err != nil {
		return nil, err
	}
	kept := gatehouse.Subject(s)
	p.Subject.Store(&kept)
	return s, nil
}

// Relative is what a principal is called in a model of relations.
func Relative(p *gatehouse.Principal) relations.Subject {
	who := relations.Subject{Type: "user", ID: relations.EscapeID(p.ID)}
	if p.IsClient() {
		who.Type = "service"
	}
	return who
}

// Why names the policies that decided, for the trail. A policy's own reason is text
// of the configuration.
func Why(d cedar.Decision) string {
	if p := d.Alone(); p != nil {
		return p.Verdict()
	}
	list := d.Deciding()
	if len(list) == 0 {
		return "no policy permits it"
	}
	verdicts := make([]string, len(list))
	for i, p := range list {
		verdicts[i] = p.Verdict()
	}
	return strings.Join(verdicts, ", ")
}
