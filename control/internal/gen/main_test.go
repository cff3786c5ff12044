package main

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCatalogueIsFresh(t *testing.T) {
	want, err := catalogue("../..")
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../all/all.go")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("control/all is stale, run go generate ./control (-want +got):\n%s", diff)
	}
}
