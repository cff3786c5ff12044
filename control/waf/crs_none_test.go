//go:build !waf

package waf

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse"
)

// input.injection: what this build does not have is refused at load, with the way
// to build it.
func TestTheCoreRuleSetIsNotInThisBuild(t *testing.T) {
	_, err := configured(crs).Compile(build(t))
	var fault *gatehouse.Fault
	if !errors.As(err, &fault) || fault.Key != "rules" || !strings.Contains(fault.Fix, "go build -tags waf") {
		t.Errorf("%v; want a fault that says how to build it", err)
	}
}

// Much cost and some twenty modules come with it: nobody gets them
// who did not ask.
func TestCorazaIsInNoProgramThatDidNotAskForIt(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "github.com/gatehouse-api/gatehouse/cmd/gatehouse").Output()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(out), "github.com/corazawaf/libinjection-go") {
		t.Error("the test does not see the program")
	}
	for _, module := range []string{"github.com/corazawaf/coraza", "github.com/kaptinlin/"} {
		if strings.Contains(string(out), module) {
			t.Errorf("%s is linked", module)
		}
	}
}
