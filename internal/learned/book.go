package learned

import (
	"math/bits"
	"slices"
	"strings"
	"sync"
	"time"
	"weak"
)

// book is what is remembered of one kind of objects.
type book struct {
	ledger *Ledger

	mu        sync.Mutex
	kind      Kind
	pages     map[string]weak.Pointer[Page]
	members   []member
	groups    [][]string
	objects   []object
	callers   []caller
	notes     uint64
	forgotten uint64
	since     time.Time
	leads     uint64 // the members that are known to say whose an object is
	echoing   uint64 // those that seem to say who asks
	trusted   uint64 // those that callers do not write themselves
}

// member is a place in requests and replies.
type member struct {
	place     string
	conflicts uint32 // objects of which it has named two callers as the owner
	tenants   few    // that it has named
}

// few is a small set.
type few struct {
	all [8]uint64
	n   int
}

func (f *few) add(v uint64) {
	for _, known := range f.all[:f.n] {
		if known == v {
			return
		}
	}
	if f.n < len(f.all) {
		f.all[f.n] = v
		f.n++
	}
}

// Page is what is remembered of one operation.
type Page struct {
	book   *book
	op     Operation
	index  []int // of its places among the book's members
	own    [][mostGroups]tally
	tenant []tally
	access [mostGroups]access
	given  uint64 // successful requests
	lifted uint64
}

// tally is how often a place has named the caller.
type tally struct{ held, not uint32 }

// access is how often callers of a group were given their own objects and others'.
type access struct {
	own, foreign, unknown uint32
	blind                 uint32 // foreign, where no place was looked at
}

// page returns the page of an operation.
func (b *book) page(k Kind, op Operation) *Page {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kind = k
	if p := b.pages[op.ID].Value(); p != nil && slices.Equal(p.op.Places, op.Places) && p.op.Action == op.Action && p.op.Reader == op.Reader {
		p.op.Waived, p.op.Roles = op.Waived, op.Roles
		return p
	}
	p := &Page{book: b, op: op, own: make([][mostGroups]tally, len(op.Places)), tenant: make([]tally, len(op.Places))}
	for _, place := range op.Places {
		p.index = append(p.index, b.member(place))
	}
	b.pages[op.ID] = weak.Make(p)
	return p
}

// member returns the index of a place, or -1 where there is no room for another.
func (b *book) member(place string) int {
	for i := range b.members {
		if b.members[i].place == place {
			return i
		}
	}
	if len(b.members) == mostMembers {
		return -1
	}
	if strings.HasPrefix(place, "response.") || place == b.kind.ID { // the object's own id is what was given
		b.trusted |= 1 << len(b.members)
	}
	b.members = append(b.members, member{place: place})
	return len(b.members) - 1
}

// Sighting is what one reply, or one element of it, has shown. Bits are of the
// operation's places.
type Sighting struct {
	Caller Caller
	Object uint64    // or zero where nothing names one
	Made   bool      // the caller was answered that it made the object
	Asked  bool      // a request: what is not asked is an element of its reply
	Looked uint64    // the places that were looked at
	Own    uint64    // those that equalled the caller's id
	Tenant uint64    // those that equalled the caller's tenant
	At     time.Time // of the request
}

// Suspicion is what a sighting makes somebody suspected of, the worst last.
type Suspicion uint8

// The suspicions.
const (
	None       Suspicion = iota
	Again                // as Foreign, of a caller of whom enough was told
	Before               // the owner's object was given to somebody else before anything said whose it is
	Foreign              // the object is somebody else's
	Enumerated           // the caller goes through many objects of others
)

// Note remembers a sighting. It keeps nothing of its strings, and allocates nothing but
// the tables, once.
func (p *Page) Note(s *Sighting) Suspicion {
	b := p.book
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.notes == 0 {
		b.since = s.At
	}
	if b.notes++; b.notes >= 32 && (b.notes&(b.notes-1) == 0 || b.notes%1024 == 0) {
		b.lead()
	}
	now := uint32(s.At.Unix())
	k := b.caller(&s.Caller, now)
	looked, own := p.count(s, k)
	own &^= b.echoing
	if s.Asked {
		p.given++
	}
	return p.judge(s, k, looked, own, now)
}

// count counts what the places say, and returns the bits of the book's members.
func (p *Page) count(s *Sighting, k *caller) (looked, own uint64) {
	for left := s.Looked; left != 0; left &= left - 1 {
		i := bits.TrailingZeros64(left)
		m := p.index[i]
		if m < 0 {
			continue
		}
		looked |= 1 << m
		is := s.Own&(1<<i) != 0 && !s.Caller.service
		if is {
			own |= 1 << m
		}
		if !s.Caller.lifted {
			p.own[i][s.Caller.group].add(is)
		}
		is = s.Tenant&(1<<i) != 0 && s.Caller.tenant != 0
		if is {
			p.book.members[m].tenants.add(s.Caller.tenant)
		}
		p.tenant[i].add(is)
	}
	k.own |= own
	if !s.Caller.lifted {
		k.other |= looked &^ own
	}
	return looked, own
}

func (t *tally) add(held bool) {
	if held {
		t.held++
	} else {
		t.not++
	}
}

// judge settles whose the object is and whether it was given to another.
func (p *Page) judge(s *Sighting, k *caller, looked, own uint64, now uint32) Suspicion {
	b, c := p.book, &s.Caller
	made := s.Made && !c.service
	var o *object
	if s.Object != 0 {
		worth := 1
		if own&b.trusted != 0 || made {
			worth = 2
		}
		o = b.find(s.Object, worth, now)
	}
	fresh, foreign, before := own, false, false
	if o != nil {
		fresh &^= o.claimed(c.who)
	}
	switch leads := looked & b.leads; {
	case leads != 0:
		foreign = fresh&leads == 0
	case o != nil && o.owned(b.trusted) && s.Asked: // a list may show to many what is one's
		foreign = !made && own&b.trusted == 0 && (c.service || !o.of(c.who, b.trusted))
	}
	if o != nil {
		before = p.claims(o, c, own, fresh, made)
	}
	if o != nil && s.Asked && p.op.Action == "delete" {
		defer func() { *o = object{} }() // an id that is used again is another object's
	}
	at := &p.access[c.group]
	switch {
	case c.lifted:
		p.lifted++
		return None
	case foreign:
		at.foreign++
		if looked == 0 {
			at.blind++
		}
		return k.suspect(s.Object, now)
	case o != nil && o.of(c.who, b.trusted):
		at.own++
	default:
		at.unknown++
	}
	if before && k.told < mostTold {
		k.told++
		return Before
	}
	return None
}

// claims notes on an object what the sighting says of its owner, and reports whether it
// was given to somebody else before.
func (p *Page) claims(o *object, c *Caller, own, fresh uint64, made bool) (before bool) {
	b := p.book
	if own&b.trusted == 0 && !made && o.reader == 0 && !o.owned(b.trusted) && !c.lifted {
		o.reader = c.who
	}
	if own == 0 && !made {
		return false
	}
	for left := own &^ fresh; left != 0; left &= left - 1 {
		b.members[bits.TrailingZeros64(left)].conflicts++
	}
	if !made {
		before = o.reader != 0 && o.reader != c.who && !o.told && own&b.leads != 0
	}
	o.told = o.told || before
	o.claim(c, own, b.trusted, made)
	return before
}

// lead settles which members say whose objects are. It looks at objects and callers,
// and not at how often somebody asked, so that nobody outweighs the others.
func (b *book) lead() {
	b.leads, b.echoing = 0, 0
	var objects, owners, reached [mostMembers]int
	for i := range b.objects {
		for _, c := range b.objects[i].owners {
			for left := c.by; left != 0; left &= left - 1 {
				objects[bits.TrailingZeros64(left)]++
			}
		}
	}
	for i := range b.callers {
		for left := b.callers[i].own; left != 0; left &= left - 1 {
			owners[bits.TrailingZeros64(left)]++
		}
		for left := b.callers[i].other; left != 0; left &= left - 1 {
			reached[bits.TrailingZeros64(left)]++
		}
	}
	for m := range b.members {
		switch {
		case b.echoes(m, objects[m]):
			b.echoing |= 1 << m
		case objects[m] >= LeastObjects && owners[m] >= LeastCallers && reached[m]*5 <= owners[m] && b.trusted&(1<<m) != 0:
			b.leads |= 1 << m
		}
	}
}

// inQuery reports a place that callers fill as they like.
func inQuery(place string) bool { return strings.HasPrefix(place, "query.") }

// echoes reports a member that equals whoever asks: it has named several callers as the
// owner of one object, and more often than objects change hands.
func (b *book) echoes(m, objects int) bool {
	n := int(b.members[m].conflicts)
	return n >= 3 && n*20 >= objects
}
