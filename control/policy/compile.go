package policy

import (
	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/policy"
)

// decider asks the policies about one operation.
type decider struct {
	policy   *policy.Policy
	template *policy.Template
}

// Compile implements [gatehouse.Control].
func (c *Config) Compile(b *gatehouse.Build) ([]gatehouse.Step, error) {
	t := c.speaking(b)
	if t == nil {
		return nil, nil
	}
	d := &decider{c.policy, t}
	return []gatehouse.Step{{Control: Kind.Name, Stage: gatehouse.Authorize, Enforce: d.decide}}, nil
}

// speaking returns what the policies have to be told of the operation, or nil where
// none that was written by hand speaks of it, or nobody has to be anybody.
func (c *Config) speaking(b *gatehouse.Build) *policy.Template {
	if b == nil || b.Operation == nil || b.Public != nil || c.policy == nil {
		return nil
	}
	if t := c.policy.Operation(b.Operation.ID()); t != nil && t.Object == "" && t.Spoken {
		return t
	}
	return nil
}
