package size

import (
	"fmt"

	"github.com/gatehouse-api/gatehouse"
)

const most Bytes = 10 << 20

// Compile implements [gatehouse.Control].
func (c *Config) Compile(b *gatehouse.Build) ([]gatehouse.Step, error) {
	switch {
	case c.MaxBody <= 0:
		return nil, &gatehouse.Fault{Key: "max_body", Says: "a body needs a bound above zero", Fix: "max_body: 1MiB"}
	case c.MaxBody > most && !b.Waived(c.Waiver):
		return nil, &gatehouse.Fault{Key: "max_body", Says: fmt.Sprintf("%s is more than %s (input.payload-limit)", c.MaxBody, most),
			Fix: "max_body: 10MiB, or add waiver: {because: why, owner: who@example.com, until: 2027-06-30}"}
	}
	limit := int64(c.MaxBody)
	steps := []gatehouse.Step{{Control: Kind.Name, Stage: gatehouse.Identify, Enforce: bound(limit)}}
	if b.Operation != nil {
		// At Limit and not at Validate: nobody parses a body that was cut short.
		steps = append(steps, gatehouse.Step{Control: Kind.Name, Stage: gatehouse.Limit, Need: gatehouse.Body, Enforce: refuseLarger(limit)})
	}
	return steps, nil
}
