package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/gatehouse-api/gatehouse"
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

// askElsewhere asks OpenFGA servers whether they know what is configured. What is
// certainly wrong is a fault; unsure is told of servers that gave no answer.
func askElsewhere(f *config.File, all map[string]relations.Relations, unsure func(api string, err error)) error {
	var list []error
	for _, a := range f.APIs {
		fga, ok := all[a.Name].(*remote.OpenFGA)
		if !ok {
			continue
		}
		switch err := fga.Knows(context.Background(), a.Authorization().Relations); {
		case errors.Is(err, remote.ErrMisconfigured):
			list = append(list, &gatehouse.Fault{Key: "apis." + a.Name + ".relations_at.openfga", Says: err.Error(),
				Fix: "write the file of relations to the store as a model, the model's id to model, the store's to store, and to token what the server takes"})
		case err != nil:
			unsure(a.Name, err)
		}
	}
	return errors.Join(list...)
}

// askAll asks the OpenFGA servers of a configuration that is sound.
func askAll(path string) error {
	f, err := load(path, config.Options{})
	if err != nil {
		return err
	}
	all, err := relatedElsewhere(f)
	if err != nil {
		return err
	}
	var unsure []error
	err = askElsewhere(f, all, func(api string, err error) { unsure = append(unsure, fmt.Errorf("the relations of %s: %w", api, err)) })
	return errors.Join(append(unsure, err)...)
}
