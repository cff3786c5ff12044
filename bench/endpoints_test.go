package main

import (
	"fmt"
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

func TestADescriptionHasAsManyOperationsAsItIsAskedFor(t *testing.T) {
	for _, n := range []int{ownOperations, ownOperations + 1, fewOperations, 1000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			d, err := openapi.Parse("orders.openapi.yaml", describe(n))
			if err != nil {
				t.Fatal(err)
			}
			if len(d.Operations) != n {
				t.Errorf("%d operations", len(d.Operations))
			}
		})
	}
}
