package config

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-api/gatehouse"
)

const (
	minBecause   = 8   // characters: "because" is a reason, not a tick
	maxUntil     = 400 // days: a waiver is looked at again at least every year
	sampleWaiver = `{because: "status page", owner: sre@example.com, until: 2027-06-30}`
)

// Waived is a waiver and the key it stands at.
type Waived struct {
	Key    string // "apis.orders.public.getStatus"
	Waiver *gatehouse.Waiver
}

// waiver reads a reason. One that is incomplete, expired or without end is
// refused, and nil. beside are the keys in the same block that the caller reads.
func (r *reader) waiver(n *yaml.Node, key string, beside ...string) *gatehouse.Waiver {
	if n.Kind != yaml.MappingNode {
		r.wrong(n, key, "expected a waiver with because, owner and until, found "+found(n), sampleWaiver)
		return nil
	}
	before := len(r.list)
	w := &gatehouse.Waiver{Place: r.place(n.Line, n.Column)}
	for k, v := range pairs(n) {
		switch k.Value {
		case "because":
			w.Because = r.reason(v, join(key, "because"))
		case "owner":
			w.Owner = r.reason(v, join(key, "owner"))
		case "until":
			w.Until = r.until(v, join(key, "until"))
		default:
			if !slices.Contains(beside, k.Value) {
				r.unknownKey(k, v, key, append(beside[:len(beside):len(beside)], "because", "owner", "until"))
			}
		}
	}
	for _, name := range []string{"because", "owner", "until"} {
		if k, _ := lookup(n, name); k == nil && !r.meant[join(key, name)] {
			r.wrong(n, key, "the waiver has no "+name, sampleWaiver)
		}
	}
	_, because := lookup(n, "because")
	if because != nil && w.Because != "" && utf8.RuneCountInString(w.Because) < minBecause {
		r.wrong(because, join(key, "because"), fmt.Sprintf("a reason has at least %d characters", minBecause), `"who needs it and why it is safe"`)
	}
	if len(r.list) > before || w.Until.IsZero() {
		return nil
	}
	if r.rename != nil {
		key = r.rename(key)
	}
	r.waivers = append(r.waivers, Waived{key, w})
	return w
}

// reason reads the text of a waiver.
func (r *reader) reason(n *yaml.Node, key string) string {
	text := strings.TrimSpace(n.Value)
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" || text == "" {
		r.wrong(n, key, "expected text, found "+emptyOr(n), map[string]string{"because": `"status page"`, "owner": "sre@example.com"}[last(key)])
		return ""
	}
	return text
}

func emptyOr(n *yaml.Node) string {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!str" {
		return "an empty one"
	}
	return found(n)
}

// until reads the last day of a waiver.
func (r *reader) until(n *yaml.Node, key string) time.Time {
	today := r.now.UTC().Truncate(24 * time.Hour)
	fix := today.AddDate(0, 6, 0).Format(time.DateOnly)
	day, err := time.Parse(time.DateOnly, n.Value)
	switch {
	case n.Kind != yaml.ScalarNode || err != nil:
		r.wrong(n, key, "expected the last day as YYYY-MM-DD, found "+dateOr(n), fix)
	case day.Before(today):
		r.wrong(n, key, "the waiver ended on "+n.Value, fix+", or remove the waiver and what it allows")
	case day.After(today.AddDate(0, 0, maxUntil)):
		r.wrong(n, key, fmt.Sprintf("%s is more than %d days ahead", n.Value, maxUntil), today.AddDate(0, 0, maxUntil).Format(time.DateOnly)+", or an earlier day")
	default:
		return day
	}
	return time.Time{}
}

func dateOr(n *yaml.Node) string {
	if n.Kind == yaml.ScalarNode && n.Value != "" {
		return fmt.Sprintf("%q", n.Value)
	}
	return found(n)
}
