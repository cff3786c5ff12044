package gatehouse

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unsafe"
)

// Step is one compiled check, bound to its place on the way.
type Step struct {
	Stage Stage
	Need  Need
	Mode  Mode
	// Last, for steps of Inspect, puts the step behind the others: it looks at what
	// they leave of the reply.
	Last bool
	// Enforce decides. An error means it could not: the engine, not the
	// control, then closes. ctx ends when the client has gone or time is up.
	Enforce func(ctx context.Context, x *Exchange) (Verdict, error)
	// Skip, for steps of Inspect that need [ReplyBody], says by the reply's head
	// that there is nothing for the step to look at. When every such step skips,
	// the body is not held but streamed.
	Skip func(x *Exchange) bool
	// What follows is rarely looked at: what is above stands in one line of the cache.

	Control string
	Place   Place // where it was configured; the zero Place for a default
	// Prepare, for steps that need [Object], says where the object is read: it
	// sets Exchange.Lookup.Path, or leaves it empty when nothing is to be asked.
	Prepare func(x *Exchange)
	// Each, for steps of Inspect that need [ReplyBody], judges one item of a reply
	// that is a sequence, in place of Enforce. When every such step has it, the
	// items are not gathered but leave one by one as they come.
	Each func(ctx context.Context, x *Exchange, item *Item) (Verdict, error)
}

// Plan is an endpoint's steps in order. It is immutable.
type Plan struct {
	Steps   []Step
	Respond int             // index of the first Respond step: where a denial goes on
	Opens   map[string]bool // controls whose errors let through, by waiver
	Facts   []Fact          // what the plan promises, in the order of the steps
	// Body and ReplyBody report whether a step needs the whole body, so that a
	// host knows before it begins whether it may stream.
	Body, ReplyBody bool
	// Items reports whether every step that needs the reply's body can judge a
	// sequence item by item.
	Items bool
}

// Endpoint is one operation of one API, or the place where requests for no
// operation end up.
type Endpoint struct {
	API      string
	Name     string // operationId, or "METHOD /template" where there is none
	Method   string
	Template string // "/v1/orders/{orderId}"
	Plan     *Plan
	Upstream *Upstream
	Public   *Waiver
	Place    Place
	// Declared is false for the places where undeclared requests end up.
	Declared bool
	// WebSocket reports that the endpoint opted in to upgrades.
	WebSocket bool
	// Permits holds the spellings that the endpoint takes although they are
	// refused elsewhere.
	Permits Permit
	// Verbose reports that refusals tell the caller which parts of the request are
	// not as described: in development, or by waiver.
	Verbose bool
	// Timeout bounds the upstream's work; zero means the host's default of 30 s.
	Timeout time.Duration
}

// Upstream is where an API's requests go.
type Upstream struct {
	Name    string
	Scheme  string // "http" or "https"
	Address string // host:port to dial, "unix:" and the path of a socket, or InProcess and a name
	Host    string // Host field to send; "" sends the client's
	CAFile  string // PEM bundle to verify with; "" means the system's
	Prefix  string // prepended to the path, "" or "/base"
}

// InProcess begins the address of an upstream that is part of this program: it is
// called, not dialled.
const InProcess = "in-process:"

// Place is where something is written: a file, a line and a column, from 1.
type Place struct {
	File      string
	Line, Col int
}

// String returns "file:line:column", or "default" for the zero Place.
func (p Place) String() string {
	if p.Line == 0 {
		if p.File == "" {
			return "default"
		}
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// Waiver is the written reason without which nothing is loosened.
type Waiver struct {
	Because string    // why
	Owner   string    // who answers for it
	Until   time.Time // the day after which it no longer holds
	Place   Place
}

// Expired reports whether the waiver's last day is over.
func (w *Waiver) Expired(now time.Time) bool { return !now.Before(w.Until.AddDate(0, 0, 1)) }

// String returns the waiver on one line.
func (w *Waiver) String() string {
	return fmt.Sprintf("%q, %s, until %s", w.Because, w.Owner, w.Until.Format(time.DateOnly))
}

// view returns b as a string without copying. b must not change while the
// string is in use.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// Fault is a refusal at load: what is wrong, where, and what to write instead.
type Fault struct {
	Key   string // path of the key inside the control's own block: "issuers[0].algorithms"
	Says  string // what is wrong
	Fix   string // what to write instead
	Place Place  // filled in by the configuration
}

// Error returns the fault on one line.
func (f *Fault) Error() string {
	var b strings.Builder
	if f.Place.Line > 0 {
		b.WriteString(f.Place.String() + ": ")
	}
	if f.Key != "" {
		b.WriteString(f.Key + ": ")
	}
	b.WriteString(f.Says)
	if f.Fix != "" {
		b.WriteString("; write: " + f.Fix)
	}
	return b.String()
}
