package gatehousetest_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/gatehousetest"
)

// authz.policy-tests
func TestTheDocumentsOfAnAPIAreTriedByGoTest(t *testing.T) {
	gatehousetest.Run(t, "testdata/policies")
}

// failing is set for the process whose tests fail on purpose.
const failing = "GATEHOUSETEST_FAILING"

func TestAFailingExpectation(t *testing.T) {
	if os.Getenv(failing) != "" {
		gatehousetest.Run(t, os.Getenv(failing))
		return
	}
	dir := t.TempDir()
	text, err := os.ReadFile("testdata/policies/documents.test.yaml")
	if err != nil {
		t.Fatal(err)
	}
	wrong := strings.Replace(string(text), "bob cannot read", "bob can read", 1)
	if err := os.WriteFile(filepath.Join(dir, "documents.test.yaml"), []byte(wrong), 0o600); err != nil {
		t.Fatal(err)
	}
	abs, err := filepath.Abs("testdata/gatehouse.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run", "^TestAFailingExpectation$", "-test.v")
	cmd.Env = append(os.Environ(), failing+"="+dir, "GATEHOUSE_CONFIG="+abs)
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "--- FAIL: TestAFailingExpectation/documents.test.yaml/bob_can_read_doc_d1") || !strings.Contains(string(out), "--- PASS: TestAFailingExpectation/documents.test.yaml/alice_can_read") {
		t.Errorf("%v:\n%s", err, out)
	}
	if !strings.Contains(string(out), "lists: 4 through SQL") {
		t.Errorf("nothing says which lists went through SQL:\n%s", out)
	}
}
