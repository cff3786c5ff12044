package contenttype

import (
	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// check is what one operation takes.
type check struct {
	content []openapi.MediaType // nil takes no body
	encoded bool
}

// Compile implements [gatehouse.Control].
func (c *Config) Compile(b *gatehouse.Build) ([]gatehouse.Step, error) {
	op, ok := b.Operation.(*openapi.Operation)
	if !ok {
		return nil, nil
	}
	if c.Encoded != nil && c.Encoded.Expired(b.Now()) {
		return nil, &gatehouse.Fault{Key: "encoded", Says: "the waiver ended on " + c.Encoded.Until.Format("2006-01-02"), Fix: "remove it, or renew until"}
	}
	k := &check{encoded: c.Encoded != nil}
	if op.RequestBody != nil {
		k.content = op.RequestBody.Content
	}
	return []gatehouse.Step{{Control: Kind.Name, Stage: gatehouse.Validate, Enforce: k.enforce}}, nil
}
