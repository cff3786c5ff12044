package contenttype

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// check is what one operation takes and gives.
type check struct {
	content []openapi.MediaType // nil takes no body
	encoded bool
	gzip    bool
	gives   []string  // media types of replies, of which a request must accept one; nil asks nothing
	usual   []string  // values of a single Accept field that are known to be accepted
	inflate sync.Pool // of *inflater
}

// Compile implements [gatehouse.Control].
func (c *Config) Compile(b *gatehouse.Build) ([]gatehouse.Step, error) {
	op, ok := b.Operation.(*openapi.Operation)
	if !ok {
		return nil, nil
	}
	if err := c.check(b); err != nil {
		return nil, err
	}
	k := &check{encoded: c.Encoded != nil, gzip: c.Decompress == "gzip"}
	if op.RequestBody != nil {
		k.content = op.RequestBody.Content
	}
	if c.Accept == acceptDeclared {
		k.gives = given(op)
	}
	for _, value := range append([]string{"*/*"}, given(op)...) {
		if k.judge(gatehouse.Fields{{Name: "accept", Value: value}}) == nil {
			k.usual = append(k.usual, value)
		}
	}
	steps := []gatehouse.Step{{Control: Kind.Name, Stage: gatehouse.Validate, Enforce: k.enforce}}
	if k.gzip && k.content != nil {
		// After Authenticate: what was signed is what was sent. Before everybody who
		// looks into bodies at Validate, in the order of the catalogue.
		steps = append(steps, gatehouse.Step{Control: Kind.Name, Stage: gatehouse.Validate, Need: gatehouse.Body, Enforce: k.decode})
	}
	return steps, nil
}

func (c *Config) check(b *gatehouse.Build) error {
	var errs []error
	if c.Encoded != nil && c.Encoded.Expired(b.Now()) {
		errs = append(errs, &gatehouse.Fault{Key: "encoded", Says: "the waiver ended on " + c.Encoded.Until.Format("2006-01-02"), Fix: "remove it, or renew until"})
	}
	if c.Decompress != "" && c.Decompress != "gzip" {
		errs = append(errs, &gatehouse.Fault{Key: "decompress", Says: fmt.Sprintf("the coding %q is not decoded", c.Decompress), Fix: "decompress: gzip"})
	}
	if c.Accept != "" && c.Accept != acceptAny && c.Accept != acceptDeclared {
		errs = append(errs, &gatehouse.Fault{Key: "accept", Says: fmt.Sprintf("%q is no choice", c.Accept), Fix: "accept: declared"})
	}
	return errors.Join(errs...)
}

// given returns the media types of an operation's replies, or nil when one of
// them may be anything.
func given(op *openapi.Operation) (types []string) {
	for _, r := range op.Responses {
		for _, m := range r.Content {
			if strings.HasSuffix(m.Type, "*") {
				return nil
			}
			types = append(types, m.Type)
		}
	}
	return types
}
