package acceptance

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// pairs are who reaches for whose objects: inside a tenant and across.
var pairs = []pair{{alice, bob}, {mallory, bob}, {bob, mallory}}

type pair struct{ caller, other account }

// found is what a sweep has come to.
type found struct {
	probes    map[string]int // by operation and by position
	answered  map[string]int // probes that succeeded, by operation
	read      []string       // probes that brought a foreign object
	changed   []string       // probes that changed one
	throttled map[string]int
	nowhere   int // probes that led nowhere, as they must
}

// sweep puts the ids of others into every position of every operation, and compares
// what came back and what became of what the API holds.
func (d *demo) sweep(t *testing.T, pairs []pair, positions ...string) *found {
	t.Helper()
	f := &found{probes: map[string]int{}, answered: map[string]int{}, throttled: map[string]int{}}
	for _, pair := range pairs {
		token := d.token(t, pair.caller)
		for _, op := range d.description.Operations {
			w := belongings(d.holds(t, stored{}), pair.other)
			w.mine = d.give(t, pair.caller)
			now := d.holds(t, stored{})
			for _, p := range d.probes(op, token, w) {
				if len(positions) > 0 && !slices.Contains(positions, p.position) {
					continue
				}
				if _, there := now.rows["order "+w.mine]; !there { // a probe has cancelled it, as its owner may
					mine := d.give(t, pair.caller)
					p.target, p.body, w.mine = strings.ReplaceAll(p.target, w.mine, mine), strings.ReplaceAll(p.body, w.mine, mine), mine
					now = d.holds(t, now)
				}
				now = d.judge(t, f, p, pair.caller, now)
			}
		}
	}
	return f
}

// judge sends one probe and notes what it gained. It returns what the API holds now.
func (d *demo) judge(t *testing.T, f *found, p *probe, caller account, before stored) stored {
	t.Helper()
	status, _, body := d.ask(t, p)
	f.probes[p.operation]++
	f.probes[p.position]++
	switch {
	case p.nowhere && (status == 429 || status == 404): // what nobody declared has a limit of its own
		f.nowhere++
	case status == 429:
		f.throttled[p.operation]++
	case status < 300 && status >= 200:
		f.answered[p.operation]++
	}
	line := fmt.Sprintf("%s as %s, %s: %s %s %s -> %d", p.operation, caller.id, p.position, p.method, strings.TrimPrefix(p.target, d.url), p.body, status)
	if what := foreign(body, caller, before); what != "" {
		f.read = append(f.read, line+" "+what)
	}
	after := d.holds(t, before)
	if names := before.changed(after, caller); len(names) > 0 {
		f.changed = append(f.changed, line+" "+strings.Join(names, ", "))
	}
	return after
}

// foreign names something of others that an answer tells, or is "": an object, or a text
// that stands in nobody's object but theirs.
func foreign(body string, caller account, all stored) string {
	var answer any
	if json.Unmarshal([]byte(body), &answer) == nil {
		if r := foreignIn(answer, caller); r != nil {
			return fmt.Sprint(r)
		}
	}
	for name, r := range all.rows {
		if r.owner() == caller {
			continue
		}
		for _, secret := range []string{r.text("note"), r.text("email"), r.text("password_hash")} {
			if len(secret) > 6 && strings.Contains(body, secret) {
				return "tells of " + name
			}
		}
	}
	return ""
}

// foreignIn returns an object of others in a document, or nil.
func foreignIn(value any, caller account) row {
	switch v := value.(type) {
	case []any:
		for _, each := range v {
			if r := foreignIn(each, caller); r != nil {
				return r
			}
		}
	case map[string]any:
		r := row(v)
		if r.text("tenant_id") != "" && r.owner() != caller {
			return r
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if r := foreignIn(v[name], caller); r != nil {
				return r
			}
		}
	}
	return nil
}

// belongings are the ids of what somebody has and is.
func belongings(all stored, other account) (w wanted) {
	for name, r := range all.rows {
		if r.owner() == other && strings.HasPrefix(name, "order ") {
			w.theirs = append(w.theirs, r.text("id"))
		}
	}
	slices.Sort(w.theirs)
	if len(w.theirs) > 0 {
		w.theirs = w.theirs[:1]
	}
	w.theirs = append(w.theirs, other.id)
	return w
}

// TestTwoAccountsReachNothingOfEachOther is the sweep over every operation of the demo's
// API in every position, inside a tenant and across (authz.object).
func TestTwoAccountsReachNothingOfEachOther(t *testing.T) {
	d := startDemo(t)
	f := d.sweep(t, pairs)
	for _, op := range d.description.Operations {
		if f.probes[op.ID()] < 100 {
			t.Errorf("%s was asked %d times", op.ID(), f.probes[op.ID()])
		}
	}
	for _, position := range []string{inPath, inQuery, inHeader, inBody, inBatch, inGraphQL} {
		if f.probes[position] < 50 {
			t.Errorf("position %s was probed %d times", position, f.probes[position])
		}
	}
	for _, id := range []string{"getStatus", "getMe", "updateMe", "listOrders", "createOrder", "getOrder", "updateOrder", "deleteOrder", "searchOrders"} {
		if f.answered[id] == 0 {
			t.Errorf("%s never succeeded: whatever it is asked is refused for another reason", id)
		}
	}
	if f.nowhere < 100 {
		t.Errorf("%d probes led nowhere", f.nowhere)
	}
	delete(f.throttled, "login") // its guesses are counted, whoever asks; it has no objects
	if len(f.throttled) > 0 {
		t.Errorf("probes were not judged, but throttled: %v", f.throttled)
	}
	for _, line := range append(f.read, f.changed...) {
		t.Error(line)
	}
	total, answered := 0, 0
	for _, op := range d.description.Operations {
		total, answered = total+f.probes[op.ID()], answered+f.answered[op.ID()]
	}
	t.Logf("figure foreign objects read or changed by two accounts 0/0: %d read, %d changed; %d operations, %d probes, %d of them answered with success", len(f.read), len(f.changed), len(d.description.Operations), total, answered)
}

// TestTheSweepFindsWhatNothingStops has the control of objects turned off, by a waiver.
func TestTheSweepFindsWhatNothingStops(t *testing.T) {
	d := startDemo(t, "    controls:\n", "    controls:\n      object: {off: "+waiver+"}\n", "authenticated: [getMe, updateMe]", `authenticated: [getMe, updateMe, "tag:orders"]`)
	f := d.sweep(t, pairs[:2], inPath, inQuery)
	for _, want := range []string{"getOrder as alice, path", "getOrder as mallory, path", "listOrders as alice, query"} {
		if !slices.ContainsFunc(f.read, func(line string) bool { return strings.HasPrefix(line, want) }) {
			t.Errorf("nothing was read by %s: %d others", want, len(f.read))
		}
	}
	for _, want := range []string{"deleteOrder as alice, path", "deleteOrder as mallory, path", "updateOrder as alice, path"} {
		if !slices.ContainsFunc(f.changed, func(line string) bool { return strings.HasPrefix(line, want) }) {
			t.Errorf("nothing was changed by %s: %d others", want, len(f.changed))
		}
	}
}
