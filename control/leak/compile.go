package leak

import (
	"errors"
	"fmt"

	"github.com/gatehouse-api/gatehouse"
)

// Compile implements [gatehouse.Control].
func (c *Config) Compile(b *gatehouse.Build) ([]gatehouse.Step, error) {
	if err := c.check(b); err != nil {
		return nil, err
	}
	steps := []gatehouse.Step{{Control: Kind.Name, Stage: gatehouse.Respond, Enforce: scrub}}
	if b.Operation == nil || c.Unscanned != nil {
		return steps, nil
	}
	// The same tables for all endpoints: they take 256 KiB each.
	name, list := "leak.successes", inSuccesses
	if c.Issues != nil {
		name, list = "leak.issues", inIssues
	}
	successes, err := gatehouse.Keep(b.Kept, name, func() (*scanner, error) { return newScanner(list()), nil })
	if err != nil {
		return nil, fmt.Errorf("leak: making the scanner of successes: %w", err)
	}
	failures, err := gatehouse.Keep(b.Kept, "leak.errors", func() (*scanner, error) { return newScanner(patterns), nil })
	if err != nil {
		return nil, fmt.Errorf("leak: making the scanner of errors: %w", err)
	}
	l := &look{successes: successes, errors: failures, cards: c.Cards, ids: c.IDs, personal: c.Personal != nil}
	return append(steps,
		gatehouse.Step{Control: Kind.Name, Stage: gatehouse.Forward, Enforce: askPlain},
		gatehouse.Step{Control: Kind.Name, Stage: gatehouse.Inspect, Need: gatehouse.ReplyBody, Skip: binary, Last: true, Enforce: l.body, Each: l.item}), nil
}

// check refuses what is looser than the default and has no waiver.
func (c *Config) check(b *gatehouse.Build) error {
	const form = "waiver: {because: why, owner: who@example.com, until: 2027-06-30}"
	var errs []error
	for _, w := range [...]struct {
		key string
		*gatehouse.Waiver
	}{{"unscanned", c.Unscanned}, {"issues", c.Issues}, {"personal", c.Personal}, {"waiver", c.Waiver}} {
		if w.Waiver != nil && !b.Waived(w.Waiver) {
			errs = append(errs, &gatehouse.Fault{Key: w.key, Says: "the waiver ended on " + w.Until.Format("2006-01-02"), Fix: "remove it, or renew until"})
		}
	}
	switch c.Cards {
	case "mask", "block":
	case "allow":
		if c.Waiver == nil {
			errs = append(errs, &gatehouse.Fault{Key: "cards", Says: "payment card numbers may leave, and nobody says why", Fix: "cards: mask, or " + form})
		}
	default:
		errs = append(errs, &gatehouse.Fault{Key: "cards", Says: fmt.Sprintf("%q is no choice", c.Cards), Fix: "cards: mask, or block, or allow with a waiver"})
	}
	if len(c.IDs) > 0 && c.Waiver == nil {
		errs = append(errs, &gatehouse.Fault{Key: "ids", Says: "members are not looked at for payment card numbers, and nobody says why", Fix: form})
	}
	return errors.Join(errs...)
}
