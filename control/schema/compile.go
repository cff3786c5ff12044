package schema

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/control/internal/reasoned"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// check is what one operation demands.
type check struct {
	op                          *openapi.Operation
	path, query, header, cookie []parameter
	bare                        bool // neither fields nor cookies are declared, and nothing of the query must be there
	body                        *openapi.RequestBody
	forms                       map[*openapi.MediaType]*form
	maxParts, maxFile           int
	options                     openapi.Options
	restricted                  map[*openapi.MediaType][]openapi.Restriction // members of bodies that not everybody may send
	scratch                     sync.Pool                                    // of *scratch
}

// most is how many parameters of one kind an operation may declare.
const most = 256

// Compile implements [gatehouse.Control].
func (c *Config) Compile(b *gatehouse.Build) ([]gatehouse.Step, error) {
	if err := c.check(b); err != nil {
		return nil, err
	}
	op, ok := b.Operation.(*openapi.Operation)
	if !ok {
		return nil, nil
	}
	k := &check{op: op, body: op.RequestBody, maxParts: c.MaxParts, maxFile: c.MaxFile, options: c.options()}
	m := nodes{}
	if err := k.parameters(op, m); err != nil {
		return nil, err
	}
	steps := []gatehouse.Step{{Control: Kind.Name, Stage: gatehouse.Validate, Enforce: reasoned.By(k.head, k.whyHead)}}
	if k.body != nil {
		k.formBodies(m)
		k.restrict()
		steps = append(steps, gatehouse.Step{Control: Kind.Name, Stage: gatehouse.Validate, Need: gatehouse.Body, Enforce: reasoned.By(k.judge, k.whyBody)})
	}
	return steps, nil
}

func (c *Config) check(b *gatehouse.Build) error {
	var errs []error
	loose := func(key, says, fix string) {
		switch {
		case c.Waiver == nil:
			errs = append(errs, &gatehouse.Fault{Key: key, Says: says + " needs a waiver", Fix: fix + ", or waiver: {because: why, owner: who@example.com, until: 2027-06-30}"})
		case c.Waiver.Expired(b.Now()):
			errs = append(errs, &gatehouse.Fault{Key: "waiver", Says: "the waiver ended on " + c.Waiver.Until.Format("2006-01-02"), Fix: fix})
		}
	}
	switch c.Undeclared {
	case "reject":
	case "allow":
		loose("undeclared", "letting undeclared members in", "undeclared: reject")
	default:
		errs = append(errs, &gatehouse.Fault{Key: "undeclared", Says: fmt.Sprintf("%q is no choice", c.Undeclared), Fix: "undeclared: reject"})
	}
	for _, n := range [...]struct {
		key        string
		value, max int
	}{
		{"pagination_max", c.PaginationMax, paginationMax}, {"offset_max", c.OffsetMax, offsetMax}, {"max_string", c.MaxString, maxString}, {"max_items", c.MaxItems, maxItems},
		{"max_parts", c.MaxParts, maxParts}, {"max_file", c.MaxFile, maxFile},
	} {
		fix := fmt.Sprintf("%s: %d", n.key, n.max)
		switch {
		case n.value <= 0:
			errs = append(errs, &gatehouse.Fault{Key: n.key, Says: "a bound is positive", Fix: fix})
		case n.value > n.max:
			loose(n.key, fmt.Sprintf("a bound over %d", n.max), fix)
		}
	}
	return errors.Join(errs...)
}

// restrict notes the members that not everybody may send.
func (k *check) restrict() {
	k.restricted = map[*openapi.MediaType][]openapi.Restriction{}
	for i := range k.body.Content {
		m := &k.body.Content[i]
		if m.Schema == nil {
			continue
		}
		if list := m.Schema.Restricted(openapi.Request); len(list) > 0 {
			k.restricted[m] = list
		}
	}
}

func (c *Config) options() openapi.Options {
	o := openapi.Options{MaxString: c.MaxString, MaxItems: c.MaxItems, MaxPage: int64(c.PaginationMax), MaxOffset: int64(c.OffsetMax)}
	if c.Undeclared == "allow" {
		o.Undeclared = openapi.Allow
	}
	return o
}

func (k *check) parameters(op *openapi.Operation, m nodes) error {
	for _, p := range op.Parameters {
		q := m.parameterOf(p)
		switch p.In {
		case "path":
			k.path = append(k.path, q)
		case "query":
			k.query = append(k.query, q)
		case "header":
			k.header = append(k.header, q)
		case "cookie":
			k.cookie = append(k.cookie, q)
		}
	}
	if len(k.query) > most {
		return &gatehouse.Fault{Says: fmt.Sprintf("%s declares more than %d query parameters", op.ID(), most), Fix: "fewer"}
	}
	k.bare = len(k.header) == 0 && len(k.cookie) == 0 && !slices.ContainsFunc(k.query, func(p parameter) bool { return p.required })
	return nil
}

// formBodies prepares the forms that the body may be.
func (k *check) formBodies(m nodes) {
	k.forms = map[*openapi.MediaType]*form{}
	for i := range k.body.Content {
		switch t := &k.body.Content[i]; t.Type {
		case urlencoded, "application/*":
			k.forms[t] = m.formOf(t, false)
		case formData, "multipart/*":
			k.forms[t] = m.formOf(t, true)
		}
	}
}
