package gatehouse

import (
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"sync"
	"time"
)

// Control is what an operator configures and the house compiles. It is
// implemented by the control's configuration type: the configuration is the
// factory.
type Control interface {
	// Compile makes the steps for one endpoint. It is called once per endpoint
	// and reload, and all validation lives here. No steps and no error means
	// that there is nothing to do for this endpoint. Errors are [*Fault]s.
	Compile(*Build) ([]Step, error)
	// Explain says what the control promises, for people, audit and docs alike.
	Explain(*Sheet)
}

// Kind is a control's entry in the catalogue.
type Kind struct {
	Name   string // folder, configuration key, reason prefix and metric label
	New    func() Control
	Covers []Requirement
	// Mandatory kinds have no off switch: the engine refuses a waiver for them.
	Mandatory bool
	// Mode is how far the control's word goes while nobody writes "mode:". It is
	// Enforce but for kinds that guess.
	Mode Mode
}

// Operation is what the API's description says about one operation. The loader
// of descriptions implements it; controls that need to know more assert to that
// loader's type.
type Operation interface {
	ID() string       // operationId, or "METHOD /template"
	Method() string   // upper case
	Template() string // "/v1/orders/{orderId}"
}

// Caps is what a host is able to bring. What a host cannot bring is refused
// when the plan is compiled, not skipped while it runs.
type Caps struct{ Body, Object, Reply, ReplyBody bool }

// AllCaps is what a full proxy brings.
var AllCaps = Caps{Body: true, Object: true, Reply: true, ReplyBody: true}

// Build is what a control may reach while it is compiled.
type Build struct {
	API       string
	Operation Operation   // nil for the places where undeclared requests end up
	Siblings  []Operation // the operations of the same path, this one included
	All       []Operation // every operation of the API
	Public    *Waiver     // why this endpoint needs no caller, or nil
	Hosts     []string    // canonical names that the API is served under; "*" is any
	Caps      Caps
	Now       func() time.Time
	Log       *slog.Logger
	Kept      *Kept
	// Development is true for `gatehouse demo` and configurations that say so:
	// the few things that are allowed there alone ask it.
	Development bool
}

// Name returns the operation's id, or "undeclared".
func (b *Build) Name() string {
	if b.Operation == nil {
		return "undeclared"
	}
	return b.Operation.ID()
}

// Waived reports whether w excuses something looser than required today.
func (b *Build) Waived(w *Waiver) bool { return w != nil && !w.Expired(b.Now()) }

// Sheet collects what a control promises.
type Sheet struct {
	Facts []Fact
	// Build is the endpoint that the promises are about; nil when the control is
	// explained by itself.
	Build *Build
}

// Fact is one promise in plain English and the requirement it covers.
type Fact struct {
	Says   string
	Covers Requirement
}

// Fact adds a promise.
func (s *Sheet) Fact(covers Requirement, format string, args ...any) {
	s.Facts = append(s.Facts, Fact{Says: fmt.Sprintf(format, args...), Covers: covers})
}

// Kept holds what must outlive a reload and what controls share: stores, key
// sources, counters. Its entries are found by type and name.
type Kept struct {
	mu sync.Mutex
	m  map[keptKey]any
}

type keptKey struct {
	typ  reflect.Type
	name string
}

// NewKept returns an empty Kept.
func NewKept() *Kept { return &Kept{m: map[keptKey]any{}} }

// ErrNotProvided is returned by [Require] for what no one has provided.
var ErrNotProvided = errors.New("gatehouse: not provided")

// Provide puts v in under its type T, for [Require] to find.
func Provide[T any](k *Kept, v T) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.m[keptKey{reflect.TypeFor[T](), ""}] = v
}

// Require returns what was provided under type T, or an error that wraps
// [ErrNotProvided]: a control whose store is missing does not compile.
func Require[T any](k *Kept) (T, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if v, ok := k.m[keptKey{reflect.TypeFor[T](), ""}].(T); ok {
		return v, nil
	}
	var zero T
	return zero, fmt.Errorf("%w: %s", ErrNotProvided, reflect.TypeFor[T]())
}

// Keep returns the value kept under type T and name, and makes it at the first
// call. Everything that the value depends on belongs into the name.
func Keep[T any](k *Kept, name string, make func() (T, error)) (T, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key := keptKey{reflect.TypeFor[T](), "keep:" + name}
	if v, ok := k.m[key].(T); ok {
		return v, nil
	}
	v, err := make()
	if err == nil {
		k.m[key] = v
	}
	return v, err
}
