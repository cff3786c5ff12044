package aside

import (
	"context"
	"testing"
)

func TestAStepIsToldToWhoeverMinds(t *testing.T) {
	n := 0
	ctx := With(context.Background(), func() { n++ })
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	Step(inner)
	Step(ctx)
	Step(context.Background())
	if n != 2 {
		t.Errorf("told %d times; want 2", n)
	}
}
