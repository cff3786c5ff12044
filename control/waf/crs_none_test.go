//go:build !waf

package waf

import (
	"errors"
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
