package bundle

import (
	"cmp"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/cedar"
)

// Moment is when, from where and by which operation something is asked.
type Moment struct {
	At        time.Time
	Address   netip.Addr // one that is not valid is left out, so that a policy that reads it denies
	Operation string
}

// Scene makes the record that policies read as context: now; local, the hour (0 to 23)
// and the weekday (1, Monday, to 7, Sunday: ISO 8601) in a time zone; ip; and
// operation. What its rules do not look at is left out, and what is the same as in the
// moment before is not made again: a record costs more than the decision. It is safe
// for use by many goroutines.
type Scene struct {
	zone                      *time.Location
	whole                     bool // some policy takes the context as a whole
	names                     []string
	now, local, ip, operation bool
	last                      atomic.Pointer[Context]
	clock                     atomic.Pointer[clock]
}

// Context is the context of decisions in one moment. It never changes.
type Context struct {
	Record cedar.Record
	of     seen
}

// seen is what of a moment the rules look at.
type seen struct {
	now           int64 // in milliseconds
	hour, weekday int
	address       netip.Addr
	operation     string
}

// clock is the record of an hour.
type clock struct {
	hour, weekday int
	record        cedar.Value
}

// NewScene makes a scene for rules that look at what they look at; a zone of nil is UTC.
func NewScene(reads cedar.Reads, zone *time.Location) *Scene {
	s := &Scene{zone: cmp.Or(zone, time.UTC), whole: slices.Contains(reads.Context, ""), names: reads.Names}
	s.now, s.local, s.ip, s.operation = s.Needs("now"), s.Needs("local"), s.Needs("ip"), s.Needs("operation")
	return s
}

// Needs reports whether an attribute of the context has to be there: some policy speaks
// of one of that name, of whatever, or takes the context as a whole.
func (s *Scene) Needs(name string) bool { return s.whole || slices.Contains(s.names, name) }

// Context returns the context of a moment. More are attributes that are not the
// moment's, as rel; a context with more is not kept for the next decision.
func (s *Scene) Context(m Moment, more cedar.RecordMap) *Context {
	of := s.look(m)
	if len(more) > 0 {
		return &Context{s.record(m, of, more), of}
	}
	if last := s.last.Load(); last != nil && last.of == of {
		return last
	}
	c := &Context{s.record(m, of, nil), of}
	s.last.Store(c)
	return c
}

func (s *Scene) look(m Moment) (of seen) {
	if s.now {
		of.now = m.At.UnixMilli()
	}
	if s.local {
		local := m.At.In(s.zone)
		of.hour, of.weekday = local.Hour(), (int(local.Weekday())+6)%7+1
	}
	if s.ip {
		of.address = m.Address.Unmap().WithZone("")
	}
	if s.operation {
		of.operation = m.Operation
	}
	return of
}

func (s *Scene) record(m Moment, of seen, more cedar.RecordMap) cedar.Record {
	r := make(cedar.RecordMap, 4+len(more))
	for name, v := range more {
		r[name] = v
	}
	if s.now {
		r["now"] = cedar.NewDatetime(m.At)
	}
	if s.local {
		r["local"] = s.time(of)
	}
	if of.address.IsValid() {
		r["ip"] = cedar.IPAddr(netip.PrefixFrom(of.address, of.address.BitLen()))
	}
	if s.operation {
		r["operation"] = cedar.String(of.operation)
	}
	return cedar.NewRecord(r)
}

// time returns the record of an hour.
func (s *Scene) time(of seen) cedar.Value {
	if c := s.clock.Load(); c != nil && c.hour == of.hour && c.weekday == of.weekday {
		return c.record
	}
	c := &clock{of.hour, of.weekday, cedar.NewRecord(cedar.RecordMap{"hour": cedar.Long(of.hour), "weekday": cedar.Long(of.weekday)})}
	s.clock.Store(c)
	return c.record
}
