package reply

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/control/internal/reasoned"
	"github.com/gatehouse-api/gatehouse/internal/events"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// check is what one operation may answer.
type check struct {
	op         *openapi.Operation
	undeclared openapi.Undeclared
	lax        bool // undeclared statuses and media types pass
	strict     bool // values that are not as described are refused
	buffers    sync.Pool
	items      sync.Pool    // of *judging
	sequences  bool         // a reply may be a sequence
	explained  atomic.Int64 // the second in which a reported reply was last explained
	// restricted are the members of replies that not everybody may see, where there
	// are any.
	restricted map[*openapi.MediaType][]openapi.Restriction
}

// Compile implements [gatehouse.Control].
func (c *Config) Compile(b *gatehouse.Build) ([]gatehouse.Step, error) {
	if err := c.check(b); err != nil {
		return nil, err
	}
	op, ok := b.Operation.(*openapi.Operation)
	if !ok {
		return nil, nil
	}
	k := &check{op: op, undeclared: openapi.Strip, lax: c.OnUndeclaredStatus == "report", strict: c.OnInvalid == "refuse"}
	switch c.Undeclared {
	case "reject":
		k.undeclared = openapi.Reject
	case "allow":
		k.undeclared = openapi.Allow
	}
	k.restrict()
	steps := []gatehouse.Step{{Control: Kind.Name, Stage: gatehouse.Inspect, Need: gatehouse.Reply, Enforce: reasoned.By(k.head, k.whyHead)}}
	k.sequences = slices.ContainsFunc(op.Responses, sequential)
	if c.NotInspected != nil || k.sequences {
		steps = append(steps, gatehouse.Step{Control: Kind.Name, Stage: gatehouse.Forward, Enforce: c.bound})
	}
	if slices.ContainsFunc(op.Responses, described) {
		steps = append(steps, gatehouse.Step{Control: Kind.Name, Stage: gatehouse.Inspect, Need: gatehouse.ReplyBody, Skip: k.skips, Each: k.each, Enforce: reasoned.By(k.whole, k.whyBody)})
	}
	return steps, nil
}

// described reports a response with a JSON body whose members are known.
func described(r *openapi.Response) bool {
	return slices.ContainsFunc(r.Content, func(m openapi.MediaType) bool {
		return m.Item != nil || m.Schema != nil && (openapi.IsJSON(m.Type) || strings.HasSuffix(m.Type, "/*"))
	})
}

// sequential reports a response that may be a sequence.
func sequential(r *openapi.Response) bool {
	return slices.ContainsFunc(r.Content, func(m openapi.MediaType) bool {
		return events.Of(m.Type) != events.None || strings.HasSuffix(m.Type, "/*")
	})
}

func (c *Config) check(b *gatehouse.Build) error {
	var errs []error
	waived := func(key, what, fix string) {
		switch {
		case c.Waiver == nil:
			errs = append(errs, &gatehouse.Fault{Key: key, Says: what + " needs a waiver", Fix: fix + ", or waiver: {because: why, owner: who@example.com, until: 2027-06-30}"})
		case c.Waiver.Expired(b.Now()):
			errs = append(errs, &gatehouse.Fault{Key: "waiver", Says: "the waiver ended on " + c.Waiver.Until.Format("2006-01-02"), Fix: fix})
		}
	}
	one := func(key, value, loose string, allowed ...string) {
		switch {
		case !slices.Contains(allowed, value):
			errs = append(errs, &gatehouse.Fault{Key: key, Says: fmt.Sprintf("%q is no choice", value), Fix: key + ": " + allowed[0]})
		case value == loose:
			waived(key, value, key+": "+allowed[0])
		}
	}
	if c.NotInspected != nil && c.NotInspected.Expired(b.Now()) {
		errs = append(errs, &gatehouse.Fault{Key: "not_inspected", Says: "the waiver ended on " + c.NotInspected.Until.Format("2006-01-02"), Fix: "remove it, or renew until"})
	}
	switch {
	case c.MaxItem <= 0:
		errs = append(errs, &gatehouse.Fault{Key: "max_item", Says: "a bound is positive", Fix: fmt.Sprintf("max_item: %d", maxItem)})
	case c.MaxItem > maxItem:
		waived("max_item", fmt.Sprintf("an item of more than %d bytes", maxItem), fmt.Sprintf("max_item: %d", maxItem))
	}
	one("undeclared", c.Undeclared, "allow", "strip", "reject", "allow")
	one("on_undeclared_status", c.OnUndeclaredStatus, "report", "refuse", "report")
	one("on_invalid", c.OnInvalid, "", "report", "refuse")
	return errors.Join(errs...)
}
