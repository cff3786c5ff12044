package learned

import "math/bits"

// object is what is remembered of one object.
type object struct {
	id     uint64
	owners [2]claim
	reader uint64 // who was given it first while nothing said whose it is
	seen   uint32 // when, for what is forgotten first
	told   bool   // that the reader was another than the owner
}

// claim is why an object is somebody's.
type claim struct {
	who   uint64
	by    uint64 // the members that equalled the caller's id
	made  bool   // who has made it
	group uint8
}

// proves reports whether a claim is one by what callers do not write themselves.
func (c *claim) proves(trusted uint64) bool { return c.who != 0 && (c.made || c.by&trusted != 0) }

// owned reports whether something says whose the object is.
func (o *object) owned(trusted uint64) bool {
	return o.owners[0].proves(trusted) || o.owners[1].proves(trusted)
}

// of reports whether the object is a caller's.
func (o *object) of(who, trusted uint64) bool {
	return o.owners[0].who == who && o.owners[0].proves(trusted) || o.owners[1].who == who && o.owners[1].proves(trusted)
}

// claimed returns the members that say that the object is somebody else's.
func (o *object) claimed(who uint64) (by uint64) {
	for i := range o.owners {
		if o.owners[i].who != who {
			by |= o.owners[i].by
		}
	}
	return by
}

// claim notes that an object is a caller's. What was said before by the same members
// holds no longer. A claim by what callers write themselves takes nobody's place.
func (o *object) claim(c *Caller, by, trusted uint64, made bool) {
	var mine, free *claim
	for i := range o.owners {
		switch p := &o.owners[i]; {
		case p.who == c.who:
			mine = p
		default:
			if p.by &^= by; p.by == 0 && !p.made {
				p.who = 0
			}
			if free == nil || p.who == 0 || free.who != 0 && !p.proves(trusted) {
				free = p
			}
		}
	}
	if mine == nil {
		if mine = free; mine.who != 0 && !made && by&trusted == 0 {
			return
		}
		*mine = claim{who: c.who, group: uint8(c.group)}
	}
	mine.by |= by
	mine.made = mine.made || made
}

// worth is how much is lost when an object is forgotten.
func (o *object) worth(trusted uint64) int {
	switch {
	case o.id == 0:
		return 0
	case o.owned(trusted):
		return 2
	}
	return 1
}

// find returns the entry of an object. A new one takes the place of one that is worth
// no more and was not seen for longest: reading what is there drives out nothing that
// says whose objects are. It returns nil where there is no such place.
func (b *book) find(id uint64, worth int, now uint32) *object {
	if b.objects == nil {
		b.objects = make([]object, MostObjects)
	}
	from := id % (MostObjects / ways) * ways
	set := b.objects[from : from+ways]
	victim := &set[0]
	for i := range set {
		o := &set[i]
		if o.id == id {
			o.seen = now
			return o
		}
		if w, v := o.worth(b.trusted), victim.worth(b.trusted); w < v || w == v && o.seen < victim.seen {
			victim = o
		}
	}
	if victim.worth(b.trusted) > worth {
		return nil
	}
	if victim.id != 0 {
		b.forgotten++
	}
	*victim = object{id: id, seen: now}
	return victim
}

// The bounds of suspicion.
const (
	window     = 600 // seconds
	mostTold   = 10  // of a caller in a window
	enumerated = 20  // objects of others in a window, and again when they have doubled
)

// caller is what is remembered of one caller.
type caller struct {
	who   uint64
	own   uint64 // the members that have equalled its id
	other uint64 // those that have not
	seen  uint32
	since uint32    // when the window began
	found [4]uint64 // which objects of others in the window, by 256 parts of all
	next  uint16    // how many are reported next
	told  uint8     // in the window
	group uint8
	// lifted says that the caller may reach objects of others, and is no exception.
	lifted bool
}

func (b *book) caller(c *Caller, now uint32) *caller {
	if b.callers == nil {
		b.callers = make([]caller, MostCallers)
	}
	from := c.who % (MostCallers / ways) * ways
	set := b.callers[from : from+ways]
	victim := &set[0]
	worth := func(k *caller) int { return min(1, bits.Len64(k.own)) + min(1, bits.Len64(k.who)) }
	for i := range set {
		k := &set[i]
		if k.who == c.who {
			k.seen, k.group, k.lifted = now, uint8(c.group), c.lifted
			return k
		}
		if w, v := worth(k), worth(victim); w < v || w == v && k.seen < victim.seen {
			victim = k
		}
	}
	*victim = caller{who: c.who, seen: now, since: now, next: enumerated, group: uint8(c.group), lifted: c.lifted}
	return victim
}

// suspect counts an object of somebody else's, and says what is to be told of it.
func (k *caller) suspect(object uint64, now uint32) Suspicion {
	if now-k.since > window {
		k.since, k.found, k.told, k.next = now, [4]uint64{}, 0, enumerated
	}
	k.found[object>>6&3] |= 1 << (object & 63)
	n := uint16(0)
	for _, part := range k.found {
		n += uint16(bits.OnesCount64(part))
	}
	switch {
	case n >= k.next:
		k.next *= 2
		return Enumerated
	case k.told < mostTold:
		k.told++
		return Foreign
	}
	return Again
}
