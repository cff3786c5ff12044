package block

import (
	"fmt"
	"net/netip"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/store"
)

// gate is one endpoint's view of the blocks.
type gate struct {
	list   *list
	exempt []netip.Prefix
	name   string // "API/operationId"
	every  string // "API/*"
}

// Compile implements [gatehouse.Control].
func (c *Config) Compile(b *gatehouse.Build) ([]gatehouse.Step, error) {
	if len(c.Exempt) > 0 && !b.Waived(c.Waiver) {
		return nil, &gatehouse.Fault{Key: "exempt", Says: "addresses cannot be shut out, and nobody says why (incident.block)",
			Fix: "waiver: {because: why, owner: who@example.com, until: 2027-06-30}"}
	}
	blocks, err := gatehouse.Require[store.Blocks](b.Kept)
	if err != nil {
		return nil, fmt.Errorf("block: finding the blocks: %w", err)
	}
	l, err := gatehouse.Keep(b.Kept, "block", func() (*list, error) {
		l := &list{}
		// For as long as the process lives: a reload keeps what it knows.
		_, err := blocks.Watch(func(all []store.Block) { l.now.Store(index(all, b.Log)) })
		return l, err
	})
	if err != nil {
		return nil, fmt.Errorf("block: watching the blocks: %w", err)
	}
	g := &gate{list: l, exempt: unmapped(c.Exempt), name: b.API + "/" + b.Name(), every: b.API + "/*"}
	steps := []gatehouse.Step{{Control: Kind.Name, Stage: gatehouse.Identify, Enforce: g.address}}
	if b.Operation != nil {
		// After Authenticate, whose post-condition says who it is.
		steps = append(steps, gatehouse.Step{Control: Kind.Name, Stage: gatehouse.Limit, Enforce: g.principal})
	}
	return steps, nil
}
