package acceptance

import (
	"os"
	"path/filepath"
	"testing"
)

// TestMain removes the program that the tests have built.
func TestMain(m *testing.M) {
	code := m.Run()
	if built.Load() {
		if bin, err := gatehouseBinary(); err == nil {
			_ = os.RemoveAll(filepath.Dir(bin))
		}
	}
	os.Exit(code)
}
