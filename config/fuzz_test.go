package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/gatehouse-api/gatehouse/config"
)

// FuzzLoad: no text makes the reader panic, and every refusal says where.
func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob("testdata/broken/*.yaml")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, name := range append(files, "testdata/house.yaml") {
		text, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 8<<10 {
			return
		}
		path := filepath.Join(t.TempDir(), "gatehouse.yaml")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := config.Load(path, kinds(), options())
		if err == nil {
			return
		}
		list, ok := errors.AsType[config.Errors](err)
		if !ok || len(list) == 0 {
			t.Fatalf("not Errors: %v", err)
		}
		for _, e := range list {
			if e.Place.Line < 1 || e.Place.Col < 1 || e.Says == "" || e.Fix == "" {
				t.Errorf("incomplete: %+v", e)
			}
			_ = e.Error()
		}
	})
}
