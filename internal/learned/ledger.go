// Package learned remembers, in memory of a fixed size, who was given which objects.
// From that it suggests rules for objects that have none, and notices who reaches
// for what is somebody else's. It enforces nothing and never will: what was seen is
// what was possible, and not what is allowed.
//
// What makes an object somebody's is a creation that the caller was answered with
// 201, or a member of the reply that equals the caller's proven id; of the path, only
// an object's own id that does. What callers write themselves proves nothing, and to be
// given an object makes it nobody's: who reads first owns nothing.
//
// Who owns what is itself personal data. Ids of objects, callers and tenants are
// kept as hashes by a key that every process makes anew and never writes; the names
// of operations and members are those of the API's description, and roles those of
// tokens. Nothing is persisted. What is forgotten when memory runs out makes the
// figures smaller and allows nothing.
package learned

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"sync"
	"weak"
)

// Ledger is what one process has learned of all its APIs.
type Ledger struct {
	seed  maphash.Seed
	key   [sha256.Size]byte // of pseudonyms
	mu    sync.Mutex
	books map[string]weak.Pointer[book]
}

// New returns an empty ledger with keys of its own. The error is of the machine's
// source of randomness.
func New() (*Ledger, error) {
	l := &Ledger{seed: maphash.MakeSeed(), books: map[string]weak.Pointer[book]{}}
	if _, err := rand.Read(l.key[:]); err != nil {
		return nil, fmt.Errorf("learned: making a key: %w", err)
	}
	return l, nil
}

// Kind is a kind of objects of one API.
type Kind struct {
	API    string // its name in the configuration
	Object string // the object's name there, or "" where it has none
	ID     string // where requests name the object: "path.orderId"
	Base   string // the path of one of them: "/v1/orders/{orderId}"
	Shared bool   // other kinds of objects have a parameter of that name, too
}

// Operation is one operation on a kind of objects, and where in it somebody's id may
// stand.
type Operation struct {
	ID     string   // operationId
	Action string   // "read", "update", "delete", "list" or "create"
	Reader bool     // it reads the object itself, and nothing below it
	Waived bool     // no_object says that there is no object behind it
	Roles  []string // that name it, and so reach the objects of others
	// Places are "response.customer_id", "path.userId" and "query.customer_id", at most
	// 63. Those of a list are of every element.
	Places []string
}

// Open returns the page of an operation. Where an operation with the same places has
// one, it is that one: what was learned outlives a reload. A page lives as long as
// somebody has it.
func (l *Ledger) Open(k Kind, op Operation) *Page {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, kept := range l.books {
		if kept.Value() == nil {
			delete(l.books, key)
		}
	}
	key := k.API + "\x00" + k.Base + "\x00" + k.ID
	b := l.books[key].Value()
	if b == nil {
		b = &book{ledger: l, pages: map[string]weak.Pointer[Page]{}}
		l.books[key] = weak.Make(b)
	}
	return b.page(k, op)
}

// Caller is who asks, as it is kept.
type Caller struct {
	who, tenant uint64
	group       int
	service     bool
	lifted      bool
}

// Caller returns how a caller is kept on a page. A service owns nothing, even when
// its id is a person's. Lifted are those whom the configuration lets reach the
// objects of others: they are no exception and never suspected.
func (p *Page) Caller(id, tenant string, roles []string, service, lifted bool) Caller {
	c := Caller{who: p.book.ledger.hash(id, tenant), tenant: p.book.ledger.hash(tenant, ""), service: service, lifted: lifted}
	if tenant == "" {
		c.tenant = 0
	}
	if service {
		c.who = ^c.who
	}
	p.book.mu.Lock()
	c.group = p.book.group(roles)
	p.book.mu.Unlock()
	return c
}

// hash is never zero, which is nobody and nothing.
func (l *Ledger) hash(a, b string) uint64 {
	h := maphash.String(l.seed, a)
	if b != "" {
		h = (h ^ maphash.String(l.seed, b)) * 0x9e3779b97f4a7c15
		h ^= h >> 29
	}
	return max(h, 1)
}

// Object returns how an object is kept, by its id; zero for no id.
func (p *Page) Object(id string) uint64 {
	if id == "" {
		return 0
	}
	return p.book.ledger.hash(id, "")
}

// ObjectIn is [Page.Object] for an id in the memory of a reply.
func (p *Page) ObjectIn(id []byte) uint64 {
	if len(id) == 0 {
		return 0
	}
	return max(maphash.Bytes(p.book.ledger.seed, id), 1)
}

// Pseudonym returns the name by which an object may stand in a log: 16 letters from a
// to p that mean the same object as long as the process runs, and nothing to whoever
// has not its key. Digits could be taken for a card number, and redacted.
func (p *Page) Pseudonym(object uint64) string {
	mac := hmac.New(sha256.New, p.book.ledger.key[:])
	mac.Write(binary.BigEndian.AppendUint64(nil, object))
	name := make([]byte, 0, 16)
	for _, b := range mac.Sum(nil)[:8] {
		name = append(name, 'a'+b>>4, 'a'+b&15)
	}
	return string(name)
}

// The sizes of what is remembered of one kind of objects: some 1 MB.
const (
	MostObjects = 8192 // of each kind
	MostCallers = 2048 // of each kind
	mostMembers = 63   // places, of all operations of a kind together
	mostGroups  = 16   // sets of roles; the last one is of all others
	ways        = 8    // entries among which one is forgotten for another
)

// others is the group of all callers whose roles are not kept.
const others = mostGroups - 1

// group returns the index of a set of roles. b.mu is held.
func (b *book) group(roles []string) int {
	for i := range b.groups {
		if slices.Equal(b.groups[i], roles) {
			return i
		}
	}
	if len(b.groups) == others {
		return others
	}
	kept := make([]string, len(roles))
	for i := range roles {
		kept[i] = strings.Clone(roles[i])
	}
	b.groups = append(b.groups, kept)
	return len(b.groups) - 1
}
