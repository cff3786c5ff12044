package leak

import (
	"fmt"

	"github.com/gatehouse-api/gatehouse"
)

// Compile implements [gatehouse.Control].
func (c *Config) Compile(b *gatehouse.Build) ([]gatehouse.Step, error) {
	if c.Unscanned != nil && !b.Waived(c.Unscanned) {
		return nil, &gatehouse.Fault{Key: "unscanned", Says: "the waiver ended on " + c.Unscanned.Until.Format("2006-01-02"), Fix: "remove it, or renew until"}
	}
	steps := []gatehouse.Step{{Control: Kind.Name, Stage: gatehouse.Respond, Enforce: scrub}}
	if b.Operation == nil || c.Unscanned != nil {
		return steps, nil
	}
	// One table for all endpoints: it takes 16 KiB.
	s, err := gatehouse.Keep(b.Kept, "leak", func() (*scanner, error) { return newScanner(patterns), nil })
	if err != nil {
		return nil, fmt.Errorf("leak: making the scanner: %w", err)
	}
	return append(steps,
		gatehouse.Step{Control: Kind.Name, Stage: gatehouse.Forward, Enforce: askPlain},
		gatehouse.Step{Control: Kind.Name, Stage: gatehouse.Inspect, Need: gatehouse.ReplyBody, Skip: binary, Enforce: s.inspect}), nil
}
