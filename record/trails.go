package record

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/store"
)

// The pace of the writer of trails.
const (
	storeEvery   = 100 * time.Millisecond
	storeBatch   = 500
	storeTimeout = 10 * time.Second
)

// Trail is what is kept of one exchange, redacted.
type Trail struct {
	ID        string      `json:"request_id"`
	TraceID   string      `json:"trace_id,omitempty"`
	Time      time.Time   `json:"time"` // when it began, UTC
	TookUS    int64       `json:"took_us"`
	API       string      `json:"api,omitempty"`
	Endpoint  string      `json:"endpoint,omitempty"`
	Method    string      `json:"method"`
	Template  string      `json:"template,omitempty"`
	Path      string      `json:"path"`
	Status    int         `json:"status"`
	Decision  string      `json:"decision"`            // "allowed", "refused" or "answered"
	Control   string      `json:"control,omitempty"`   // which ended it
	Rule      string      `json:"rule,omitempty"`      // by which rule
	Detail    string      `json:"detail,omitempty"`    // for which cause
	Aborted   string      `json:"aborted,omitempty"`   // why the answer was cut short
	Principal string      `json:"principal,omitempty"` // kind: "user", "client" or "key"
	Subject   string      `json:"subject,omitempty"`
	Policy    int64       `json:"policy"` // serial number of the policy it saw
	Steps     []TrailStep `json:"steps"`
}

// TrailStep is what one step said.
type TrailStep struct {
	Stage   string `json:"stage"`
	Control string `json:"control"`
	Mode    string `json:"mode"`
	Verdict string `json:"verdict"`
	Rule    string `json:"rule,omitempty"`
	Detail  string `json:"detail,omitempty"`
	Place   string `json:"place"`    // file:line:column of the configuration, or "default"
	AfterUS int64  `json:"after_us"` // microseconds since the exchange began
	// Violations are what the description demands and the step found otherwise.
	Violations []TrailViolation `json:"violations,omitempty"`
}

// trails keeps the last exchanges in a ring, and lets one goroutine store those
// that are worth it. The ring is also the queue to the store: a slot that
// comes round again before it was stored is a dropped trail, and is counted.
type trails struct {
	slots    []slot
	pending  [ringSize / 64]atomic.Uint64 // one bit per slot that may wait to be stored
	serial   atomic.Uint64                // of the last exchange
	refusals rate
	passes   rate
	ring     rate // passes that are kept in memory
	dropped  atomic.Uint64
	stored   atomic.Uint64

	store  store.Trails // nil for none
	broken bool         // the last batch was not stored
	log    *slog.Logger
	wake   chan struct{}
	stop   chan struct{}
	ended  chan struct{}
}

func startTrails(s store.Trails, log *slog.Logger) *trails {
	t := &trails{slots: make([]slot, ringSize), store: s, log: log,
		wake: make(chan struct{}, 1), stop: make(chan struct{}), ended: make(chan struct{})}
	t.refusals.most, t.passes.most, t.ring.most = storedRefusals, storedPasses, ringPasses
	// One piece of memory, which costs nothing until it is written to.
	memory := make([]byte, ringSize*usualTexts)
	for i := range t.slots {
		t.slots[i].texts = memory[i*usualTexts : i*usualTexts : (i+1)*usualTexts]
	}
	if s == nil {
		close(t.ended)
		return t
	}
	go t.run()
	return t
}

// keep copies the exchange into the ring.
func (t *trails) keep(b *buffers, x *gatehouse.Exchange, traffic *gatehouse.Traffic, o outcome) {
	pending := t.worth(x, traffic, o)
	if !pending && o.ordinary() && traffic.Aborted == "" && !t.ring.take((x.At.UnixNano()+traffic.Took)/ringPeriod) {
		return
	}
	serial := t.serial.Add(1)
	s := &t.slots[serial%uint64(len(t.slots))]
	s.mu.Lock()
	if s.serial > serial { // overtaken by a whole round
		s.mu.Unlock()
		if pending {
			t.dropped.Add(1)
		}
		return
	}
	if s.pending {
		t.dropped.Add(1)
	}
	s.serial, s.pending = serial, pending
	s.fill(b, x, traffic, o)
	s.mu.Unlock()
	if pending {
		at := serial % uint64(len(t.slots))
		t.pending[at/64].Or(1 << (at % 64))
		select {
		case t.wake <- struct{}{}:
		default:
		}
	}
}

// worth reports whether the trail is to be stored.
func (t *trails) worth(x *gatehouse.Exchange, traffic *gatehouse.Traffic, o outcome) bool {
	if t.store == nil {
		return false
	}
	second := x.At.Unix() + traffic.Took/int64(time.Second)
	if o.ordinary() && traffic.Aborted == "" {
		return t.passes.take(second)
	}
	if t.refusals.take(second) {
		return true
	}
	t.dropped.Add(1)
	return false
}

// run stores pending trails until the recorder is closed.
func (t *trails) run() {
	defer close(t.ended)
	for {
		select {
		case <-t.wake:
		case <-t.stop:
			t.drain()
			return
		}
		pause := time.NewTimer(storeEvery) // so that there is a batch
		select {
		case <-pause.C:
		case <-t.stop:
		}
		pause.Stop()
		t.drain()
	}
}

// drain stores what is pending, from the oldest slots on.
func (t *trails) drain() {
	var batch []store.Trail
	oldest := (t.serial.Load() + 1) / 64
	for i := range uint64(len(t.pending)) {
		at := (oldest + i) % uint64(len(t.pending))
		if t.pending[at].Load() == 0 {
			continue
		}
		for waiting := t.pending[at].Swap(0); waiting != 0; waiting &= waiting - 1 {
			found := t.slots[at*64+uint64(bits.TrailingZeros64(waiting))].take()
			if found == nil {
				continue
			}
			if batch = append(batch, document(found)); len(batch) == storeBatch {
				t.write(batch)
				batch = batch[:0]
			}
		}
	}
	t.write(batch)
}

// take returns the trail that waits in the slot, or nil, and that it waits no more.
func (s *slot) take() *Trail {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.pending {
		return nil
	}
	s.pending = false
	return s.trail()
}

// document returns the trail as it is stored.
func document(t *Trail) store.Trail {
	body, err := json.Marshal(t)
	if err != nil {
		// The only cause is a year that RFC 3339 cannot write. The trail says so.
		body = []byte(`{"request_id":` + string(appendString(nil, t.ID)) + `,"detail":"the trail could not be written","steps":[]}`)
	}
	return store.Trail{ID: t.ID, At: t.Time, Document: body}
}

func (t *trails) write(batch []store.Trail) {
	if len(batch) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), storeTimeout)
	defer cancel()
	err := t.store.Append(ctx, batch)
	if t.broken != (err != nil) { // said once, not with every batch
		t.broken = err != nil
		t.log.Error("trail store", "works", !t.broken, "error", err)
	}
	if err != nil {
		t.dropped.Add(uint64(len(batch)))
		return
	}
	t.stored.Add(uint64(len(batch)))
}

func (t *trails) close(ctx context.Context) error {
	close(t.stop)
	select {
	case <-t.ended:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("record: closing the trails: %w", ctx.Err())
	}
}

// inMemory returns the trail of a request id from the ring, or nil.
func (t *trails) inMemory(id string) *Trail {
	last := t.serial.Load()
	for i := range uint64(len(t.slots)) {
		s := &t.slots[(last-i)%uint64(len(t.slots))] // newest first: a proxy may send an id twice
		s.mu.Lock()
		if s.serial > 0 && string(s.texts[s.head.id.start:s.head.id.end]) == id {
			defer s.mu.Unlock()
			return s.trail()
		}
		s.mu.Unlock()
	}
	return nil
}

// Find returns the trail of a request id, from memory or from the store. The
// error wraps [store.ErrNotFound] when it is, or is left, in neither.
func (r *Recorder) Find(ctx context.Context, id string) (*Trail, error) {
	if found := r.trails.inMemory(id); found != nil {
		return found, nil
	}
	if r.trails.store == nil {
		return nil, fmt.Errorf("record: trail: %w", store.ErrNotFound)
	}
	return FindStored(ctx, r.trails.store, id)
}

// FindStored returns the trail of a request id from a store alone.
func FindStored(ctx context.Context, from store.Trails, id string) (*Trail, error) {
	kept, err := from.Find(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("record: trail: %w", err)
	}
	found := new(Trail)
	if err := json.Unmarshal(kept.Document, found); err != nil {
		return nil, fmt.Errorf("record: reading a stored trail: %w", err)
	}
	if found.ID != id {
		return nil, errors.New("record: reading a stored trail: it is another request's")
	}
	return found, nil
}

// Refusals returns the last refusals in memory, at most n, newest first.
func (r *Recorder) Refusals(n int) []*Trail {
	t := r.trails
	var found []*Trail
	last := t.serial.Load()
	for i := uint64(0); i < uint64(len(t.slots)) && i < last && len(found) < n; i++ {
		s := &t.slots[(last-i)%uint64(len(t.slots))]
		s.mu.Lock()
		if s.serial > 0 && s.outcome.decision == refused {
			found = append(found, s.trail())
		}
		s.mu.Unlock()
	}
	return found
}
