package policy_test

import (
	"testing"

	"github.com/gatehouse-api/gatehouse/casetest"
	"github.com/gatehouse-api/gatehouse/control/all"
)

func TestCases(t *testing.T) { casetest.Run(t, all.Kinds...) }
