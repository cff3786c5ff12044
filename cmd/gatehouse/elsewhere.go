package main

import (
	"fmt"

	"github.com/gatehouse-api/gatehouse/config"
	"github.com/gatehouse-api/gatehouse/egress"
	"github.com/gatehouse-api/gatehouse/internal/relations"
	"github.com/gatehouse-api/gatehouse/internal/relations/remote"
)

// relatedElsewhere makes the decision points of other programs, by the APIs whose
// relations are asked of them. Their addresses are the operator's own choice, so that
// private networks are no matter; redirects and the environment's proxies are.
func relatedElsewhere(f *config.File) (map[string]relations.Relations, error) {
	all := map[string]relations.Relations{}
	for _, a := range f.APIs {
		at := a.RelationsAt()
		if at == nil {
			continue
		}
		s := at.Server()
		s.Client = egress.Client(egress.Options{Anywhere: true, Timeout: at.Timeout})
		var r relations.Relations
		var err error
		if at.OpenFGA != nil {
			r, err = remote.NewOpenFGA(s, at.OpenFGA.Store, at.OpenFGA.Model)
		} else {
			r, err = remote.NewAuthZEN(s)
		}
		if err != nil {
			return nil, fmt.Errorf("the relations of %s: %w", a.Name, err)
		}
		all[a.Name] = r
	}
	return all, nil
}
