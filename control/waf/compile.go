package waf

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// filter is what one operation leaves open, and the rules for it.
type filter struct {
	path, query, header, cookie []parameter

	bodies   []body
	maxText  int
	budget   time.Duration
	passes   bool // what was not looked at passes
	literals *literals
	rules    ruleset // nil without the Core Rule Set
	now      func() time.Time
	scans    sync.Pool // of *scan
}

// parameter is a declared parameter and what is open in it.
type parameter struct {
	name    string
	json    bool     // its value is a JSON document
	deep    bool     // members come as name[member]
	members []string // of an object whose members come as parameters of their own
	open    *openapi.OpenText
}

// body is one declared representation.
type body struct {
	mediaType string
	open      *openapi.OpenText
}

// Compile implements [gatehouse.Control].
func (c *Config) Compile(b *gatehouse.Build) ([]gatehouse.Step, error) {
	if err := c.check(b); err != nil || c.Rules == off {
		return nil, err
	}
	op, ok := b.Operation.(*openapi.Operation)
	if !ok {
		return nil, nil
	}
	f := &filter{maxText: c.MaxText, budget: c.Budget, passes: c.Unscanned != nil, now: b.Now}
	f.read(op)
	var err error
	if f.literals, err = gatehouse.Keep(b.Kept, "waf literals", newLiterals); err != nil {
		return nil, fmt.Errorf("waf: making the table of literals: %w", err)
	}
	if c.Rules == crs {
		if f.rules, err = gatehouse.Keep(b.Kept, "waf crs", newRuleset); err != nil {
			return nil, fmt.Errorf("waf: reading the Core Rule Set: %w", err)
		}
	}
	s := gatehouse.Step{Control: Kind.Name, Stage: gatehouse.Validate, Enforce: f.enforce}
	if len(f.bodies) > 0 {
		s.Need = gatehouse.Body
	}
	return []gatehouse.Step{s}, nil
}

func (c *Config) check(b *gatehouse.Build) error {
	var errs []error
	add := func(key, says, fix string) {
		errs = append(errs, &gatehouse.Fault{Key: key, Says: says, Fix: fix})
	}
	switch {
	case c.Rules != off && c.Rules != quick && c.Rules != crs:
		add("rules", fmt.Sprintf("%q is no set of rules", c.Rules), "rules: quick, or rules: crs")
	case c.Rules == crs && !hasRuleset:
		add("rules", "this program was built without the OWASP Core Rule Set", "rules: quick, or build it with: go build -tags waf ./cmd/gatehouse")
	}
	loose := func(key string, positive, within bool, fix string) {
		switch {
		case !positive:
			add(key, "a bound is positive", fix)
		case !within && c.Waiver == nil:
			add(key, "a bound over the default needs a waiver: the rules cost time", fix+", or waiver: {because: why, owner: who@example.com, until: 2027-06-30}")
		case !within && !b.Waived(c.Waiver):
			add("waiver", "the waiver ended on "+c.Waiver.Until.Format("2006-01-02"), fix)
		}
	}
	loose("max_text", c.MaxText > 0, c.MaxText <= maxText, fmt.Sprintf("max_text: %d", maxText))
	loose("budget", c.Budget > 0, c.Budget <= budget, "budget: "+budget.String())
	if c.Unscanned != nil && !b.Waived(c.Unscanned) {
		add("unscanned", "the waiver ended on "+c.Unscanned.Until.Format("2006-01-02"), "remove it, or renew until")
	}
	return errors.Join(errs...)
}

// read notes what an operation leaves open.
func (f *filter) read(op *openapi.Operation) {
	for _, p := range op.Parameters {
		q := parameter{name: p.Name, json: p.JSON, open: openapi.OpenTextOf(p.Schema)}
		switch p.In {
		case "query":
			if p.Schema != nil && p.Schema.Types()&openapi.TypeObject != 0 && !p.JSON {
				q.deep = p.Style == "deepObject"
				if p.Style == "form" && p.Explode {
					q.members = p.Schema.Properties()
				}
			}
			f.query = append(f.query, q)
		case "path":
			f.path = append(f.path, q)
		case "header":
			f.header = append(f.header, q)
		case "cookie":
			f.cookie = append(f.cookie, q)
		}
	}
	if op.RequestBody == nil {
		return
	}
	for _, m := range op.RequestBody.Content {
		f.bodies = append(f.bodies, body{mediaType: m.Type, open: openapi.OpenTextOf(m.Schema)})
	}
}
