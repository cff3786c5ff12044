package policy

import (
	"cmp"
	"path/filepath"

	"github.com/gatehouse-api/gatehouse/internal/bundle"
)

// Bundle returns the policy as an application behind the gateway is given it.
func (p *Policy) Bundle() *bundle.Bundle {
	b := &bundle.Bundle{Format: bundle.Format, API: p.API, Zone: p.Zone.String(), Schema: bundle.Source(p.Schema), Policies: []bundle.Source{bundle.Source(p.Generated)}, Objects: map[string]*bundle.Object{}}
	for _, s := range p.Sources {
		// Where the file stood on the gateway's machine is nobody's business, and would
		// make the same policies another bundle elsewhere.
		b.Policies = append(b.Policies, bundle.Source{Name: filepath.Base(s.Name), Text: s.Text})
	}
	for _, t := range p.objects {
		o := &bundle.Object{Type: t.typ, Operations: map[string][]string{}, Relations: t.relations}
		for a, ids := range t.operations {
			o.Operations[a.String()] = ids
		}
		if table := t.object.Table; table != nil {
			o.Table = &bundle.Table{Name: table.Name, ID: cmp.Or(table.ID, "id"), Tenant: table.Tenant, Owner: table.Owner, Columns: table.Columns}
		}
		if t.graph {
			for a := Read; a <= Create; a++ {
				o.Operations[a.String()] = []string{p.graph.Operation}
			}
		}
		b.Objects[t.called] = o
	}
	return b
}
