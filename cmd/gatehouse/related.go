package main

import (
	"log/slog"

	"github.com/gatehouse-api/gatehouse/config"
	"github.com/gatehouse-api/gatehouse/idp/operator"
	"github.com/gatehouse-api/gatehouse/internal/relations"
	"github.com/gatehouse-api/gatehouse/store"
)

// watchRelations keeps an index of all tuples, for as long as the process lives. An
// index that could not take in a change knows nothing any more, and denies.
func watchRelations(from store.Relations, log *slog.Logger) (*relations.Index, error) {
	x := relations.NewIndex()
	_, err := from.Watch(func(c store.TupleChange) {
		if err := x.Apply(relations.Change{Revision: c.Revision, Whole: c.Whole, Add: indexed(c.Add), Remove: indexed(c.Remove)}); err != nil {
			log.Error("relations are not known any more; what needs them is refused", "error", err.Error())
		}
	})
	return x, err
}

// indexed is the store's tuples as the index has them.
func indexed(list []store.Tuple) []relations.Tuple {
	out := make([]relations.Tuple, 0, len(list))
	for _, t := range list {
		out = append(out, relations.Tuple(t))
	}
	return out
}

// relationModels returns the models of the APIs that have one.
func relationModels(f *config.File) (list []operator.RelationModel) {
	for _, a := range f.APIs {
		if p := a.Authorization(); p != nil && p.Relations != nil {
			list = append(list, operator.RelationModel{API: a.Name, Model: p.Relations})
		}
	}
	return list
}
