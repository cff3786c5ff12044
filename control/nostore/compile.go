package nostore

import "github.com/gatehouse-api/gatehouse"

// Compile implements [gatehouse.Control].
func (c *Config) Compile(b *gatehouse.Build) ([]gatehouse.Step, error) {
	if c.Cacheable != nil && !b.Waived(c.Cacheable) {
		return nil, &gatehouse.Fault{Key: "cacheable", Says: "the waiver ended on " + c.Cacheable.Until.Format("2006-01-02"), Fix: "remove it, or renew until"}
	}
	enforce := noStore
	switch {
	case b.Public != nil:
		enforce = refusalsOnly
	case c.Cacheable != nil:
		enforce = private
	}
	return []gatehouse.Step{{Control: Kind.Name, Stage: gatehouse.Respond, Enforce: enforce}}, nil
}
