package learned

import (
	"cmp"
	"math/bits"
	"slices"
	"strings"
	"time"
)

// The least that a rule is suggested from. Fewer may be alike by chance.
const (
	LeastObjects = 20
	LeastCallers = 5
	LeastTenants = 2
	LeastReplies = 20
	LeastReaders = 2 // holders of a role that reads what is others'
)

// Report is what one process has learned.
type Report struct {
	Kinds []Findings `json:"kinds"`
}

// Findings is what was learned of one kind of objects. There is no id in it, of an
// object or of a caller.
type Findings struct {
	API    string    `json:"api"`
	Object string    `json:"object,omitempty"` // its name in the configuration, where it has one
	ID     string    `json:"id"`               // "path.orderId"
	Base   string    `json:"base"`             // "/v1/orders/{orderId}"
	Shared bool      `json:"shared,omitempty"` // the parameter names objects of other kinds, too
	Since  time.Time `json:"since"`            // the first request
	// Objects and Callers are how many are remembered; Forgotten objects had to make
	// room. Made are those that were made by way of the gateway.
	Objects   int    `json:"objects"`
	Callers   int    `json:"callers"`
	Forgotten uint64 `json:"forgotten"`
	Made      int    `json:"made"`
	// Owners and Tenants are the rules that fit all that was seen, the one with the most
	// evidence first. Doubtful ones have evidence too, and something against them.
	Owners     []Fit  `json:"owners"`
	Tenants    []Fit  `json:"tenants"`
	Doubtful   []Fit  `json:"doubtful"`
	Queries    []Fit  `json:"queries"` // parameters of lists that always named the caller
	Operations []Seen `json:"operations"`
}

// Seen is what was seen of one operation.
type Seen struct {
	Operation string `json:"operation"`
	Action    string `json:"action"`
	Waived    bool   `json:"waived,omitempty"` // by no_object
	// Roles name the operation, and so let their holders reach the objects of others.
	Roles    []string `json:"roles,omitempty"`
	Requests uint64   `json:"requests"` // that were answered with a success
	Lifted   uint64   `json:"lifted"`   // of callers whom a role lets reach the objects of others
	Own      uint64   `json:"own"`
	Foreign  uint64   `json:"foreign"`
	Unknown  uint64   `json:"unknown"` // nothing says whose these objects are
}

// Fit is a place that says whose an object is, and how well that fits.
type Fit struct {
	Place     string `json:"place"`     // "response.customer_id", "path.userId", "query.customer_id"
	Value     string `json:"value"`     // the caller's "id" or "tenant", which it has equalled
	Operation string `json:"operation"` // in whose replies
	Held      uint64 `json:"held"`      // replies in which it did
	Of        uint64 `json:"of"`        // replies, those to callers who are an exception left out
	Objects   int    `json:"objects"`
	Callers   int    `json:"callers"` // or tenants
	// Exceptions are roles whose holders read what is others'.
	Exceptions []Exception `json:"exceptions,omitempty"`
	// Lists are the lists in which elements of others stand, or nothing says whose they are.
	Lists   []string `json:"lists,omitempty"`
	Deletes bool     `json:"deletes,omitempty"` // callers delete what is theirs
	Against uint64   `json:"against,omitempty"` // replies that would have been refused
	Readers int      `json:"readers,omitempty"` // callers who got them
	Says    string   `json:"says,omitempty"`    // what is against it
}

// Exception is a role whose holders were given what is others'.
type Exception struct {
	Role    string   `json:"role"`
	Actions []string `json:"actions"`
	Replies uint64   `json:"replies"`
	Callers int      `json:"callers"`
}

// Report returns what was learned, by API and path.
func (l *Ledger) Report() Report {
	l.mu.Lock()
	var books []*book
	for _, kept := range l.books {
		if b := kept.Value(); b != nil {
			books = append(books, b)
		}
	}
	l.mu.Unlock()
	r := Report{Kinds: []Findings{}}
	for _, b := range books {
		if f := b.report(); len(f.Operations) > 0 {
			r.Kinds = append(r.Kinds, f)
		}
	}
	slices.SortFunc(r.Kinds, func(a, b Findings) int {
		return cmp.Or(strings.Compare(a.API, b.API), strings.Compare(a.Base, b.Base), strings.Compare(a.ID, b.ID))
	})
	return r
}

func (b *book) report() Findings {
	b.mu.Lock()
	defer b.mu.Unlock()
	f := Findings{API: b.kind.API, Object: b.kind.Object, ID: b.kind.ID, Base: b.kind.Base, Shared: b.kind.Shared, Since: b.since, Forgotten: b.forgotten,
		Owners: []Fit{}, Tenants: []Fit{}, Doubtful: []Fit{}, Queries: []Fit{}}
	for i := range b.objects {
		o := &b.objects[i]
		f.Objects += min(1, bits.Len64(o.id))
		if o.owners[0].made || o.owners[1].made {
			f.Made++
		}
	}
	for i := range b.callers {
		f.Callers += min(1, bits.Len64(b.callers[i].who))
	}
	pages := b.live()
	for _, p := range pages {
		f.Operations = append(f.Operations, p.seen())
		f.Queries = append(f.Queries, p.queries()...)
	}
	for m := range b.members {
		if inQuery(b.members[m].place) {
			continue
		}
		if fit, ok := b.ownerFit(m, pages); ok && fit.Says == "" {
			f.Owners = append(f.Owners, fit)
		} else if ok {
			f.Doubtful = append(f.Doubtful, fit)
		}
		if fit, ok := b.tenantFit(m, pages, f.Objects, f.Callers); ok && fit.Says == "" {
			f.Tenants = append(f.Tenants, fit)
		} else if ok {
			f.Doubtful = append(f.Doubtful, fit)
		}
	}
	for _, list := range [][]Fit{f.Owners, f.Tenants, f.Doubtful} {
		slices.SortStableFunc(list, func(a, b Fit) int {
			return cmp.Or(cmp.Compare(b.Objects, a.Objects), cmp.Compare(b.Held, a.Held))
		})
	}
	return f
}

// live returns the pages of operations that are still observed. b.mu is held.
func (b *book) live() (pages []*Page) {
	for id, kept := range b.pages {
		if p := kept.Value(); p != nil {
			pages = append(pages, p)
		} else {
			delete(b.pages, id)
		}
	}
	slices.SortFunc(pages, func(a, b *Page) int { return strings.Compare(a.op.ID, b.op.ID) })
	return pages
}

func (p *Page) seen() Seen {
	s := Seen{Operation: p.op.ID, Action: p.op.Action, Waived: p.op.Waived, Roles: p.op.Roles, Requests: p.given, Lifted: p.lifted}
	for _, a := range p.access {
		s.Own, s.Foreign, s.Unknown = s.Own+uint64(a.own), s.Foreign+uint64(a.foreign), s.Unknown+uint64(a.unknown)
	}
	return s
}

// at returns which of the page's places is a member of the book, or -1.
func (p *Page) at(m int) int { return slices.Index(p.index, m) }

// queries are the parameters of a list that named the caller whenever they were there.
func (p *Page) queries() (list []Fit) {
	for i, m := range p.index {
		if m < 0 || !inQuery(p.op.Places[i]) || p.op.Action != "list" {
			continue
		}
		id := Fit{Place: p.op.Places[i], Value: "id", Operation: p.op.ID}
		for _, t := range p.own[i] {
			id.Held, id.Of = id.Held+uint64(t.held), id.Of+uint64(t.held)+uint64(t.not)
		}
		for j := range p.book.callers {
			id.Callers += int(p.book.callers[j].own >> m & 1)
		}
		if id.Held == id.Of && id.Held >= LeastReplies && id.Callers >= LeastCallers {
			list = append(list, id)
		}
		t := p.tenant[i]
		if n := p.book.members[m].tenants.n; t.not == 0 && t.held >= LeastReplies && n >= LeastTenants {
			list = append(list, Fit{Place: p.op.Places[i], Value: "tenant", Operation: p.op.ID, Held: uint64(t.held), Of: uint64(t.held), Callers: n})
		}
	}
	return list
}
