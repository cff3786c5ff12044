package urlsecret

import "github.com/gatehouse-api/gatehouse"

// Compile implements [gatehouse.Control].
func (c *Config) Compile(b *gatehouse.Build) ([]gatehouse.Step, error) {
	if len(c.Allow) > 0 && !b.Waived(c.Waiver) {
		return nil, &gatehouse.Fault{Key: "allow", Says: "parameters may hold secrets, and nobody says why (input.url-secrets)",
			Fix: "waiver: {because: why, owner: who@example.com, until: 2027-06-30}"}
	}
	if b.Operation == nil {
		return nil, nil // refused anyway, and nothing is forwarded
	}
	return []gatehouse.Step{{Control: Kind.Name, Stage: gatehouse.Validate, Enforce: c.enforce}}, nil
}
