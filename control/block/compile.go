package block

import (
	"fmt"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/store"
)

// gate is one endpoint's view of the blocks.
type gate struct {
	list  *list
	name  string // "API/operationId"
	every string // "API/*"
}

// Compile implements [gatehouse.Control].
func (c *Config) Compile(b *gatehouse.Build) ([]gatehouse.Step, error) {
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
	g := &gate{list: l, name: b.API + "/" + b.Name(), every: b.API + "/*"}
	steps := []gatehouse.Step{{Control: Kind.Name, Stage: gatehouse.Identify, Enforce: g.address}}
	if b.Operation != nil {
		// After Authenticate, whose post-condition says who it is.
		steps = append(steps, gatehouse.Step{Control: Kind.Name, Stage: gatehouse.Limit, Enforce: g.principal})
	}
	return steps, nil
}
