//go:build unix

package relations

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/fgatest"
)

// peer is how much a real OpenFGA server was asked, and where it and we differ as
// docs/relations.md says.
type peer struct {
	models, sound  int // texts that were judged by both, and those that both take
	worlds, checks int
	yes, lists     int
	undecided      int // an exclusion depends on itself: no there, an error here
	undecidedLists int // the same of lists
	implicit       int // tuples that say of a group that it is in itself: refused there, nothing here
	circles        int // what is excluded leads in a circle: its checks say no and its lists yes, as we do
	server         *fgatest.Server
	store          string
}

// A real OpenFGA server takes the models that we take, and answers as we answer:
// checks one by one, checks by the batch, and lists.
func TestARealOpenFGAServerAnswersAsWeDo(t *testing.T) {
	p := peer{server: fgatest.Start(t, fgatest.TLS{})}
	p.store = p.server.Store(t)
	rnd := rand.New(rand.NewPCG(22, 2026))
	for range 1500 {
		p.judges(t, randomModel(rnd))
	}
	for _, text := range layouts {
		p.judges(t, text)
	}
	for range 120 {
		p.world(t, rnd, randomWorld(t, rnd))
	}
	p.server = nil
	t.Logf("figure %+v", p)
	if p.checks < 3000 || p.lists < 300 || p.yes < p.checks/20 || p.undecided > p.checks/4 || p.sound < 30 || p.sound == p.models {
		t.Errorf("too little was asked: %+v", p)
	}
}

// layouts are one model, or what is nearly one, on the page.
var layouts = []string{
	"model\n  schema 1.1\ntype user\n",
	"model\n  schema 1.1\ntype user",
	"model\nschema 1.1\ntype user\ntype doc\nrelations\ndefine a: [user]\n",
	"\nmodel\n  schema 1.1\ntype user\n",
	"# text\nmodel\n  schema 1.1\n# text\ntype user # text\n",
	"model # text\n  schema 1.1\ntype user\n",
	"model schema 1.1\ntype user\n",
	"model\n  schema 1.1 type user\n",
	"model\n  schema 1.1\ntype user type doc\n",
	"model\n  schema 1.1\ntype\nuser\n",
	"model\n  schema\n1.1\ntype user\n",
	"model\n  schema 1.1\n\n\ntype user\n\n\ntype doc\n\n  relations\n\n    define a: [user]\n\n    define b: a\n",
	"model\n  schema 1.1\ntype user\ntype doc relations\n    define a: [user]\n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations define a: [user]\n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define a: [user] define b: a\n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define\n a: [user]\n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define a :[user]\n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define a:[user]\n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define a:\n[user]\n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define a: [user,user:*]\n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define a: [ user , user:* ]\n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define a: [\n      user,\n      user:*\n    ]\n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define a: [user: *]\n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define b: [user]\n    define a: [doc #b]\n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define b: [user]\n    define a: [doc# b]\n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define b: [user]\n    define a: [user]\n      or b\n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define b: [user]\n    define a: [user] or\n b\n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define b: [user]\n    define a: [user]  or  b  \n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define b: [user]\n    define a: [user]or b\n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define b: [user]\n    define a: ([user] or b)and b\n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define b: [user]\n    define a: ( [user] or b )\n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define b: [user]\n    define a: (([user] or b)) but not b\n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define b: [user]\n    define a: [user] but  not b\n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define b: [user]\n    define a: (b)\n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define b: ([user])\n    define a: b\n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define b: [user]\n    define a: b # text\n    # text\n    define c: a#text\n",
	"model\r\n  schema 1.1\r\ntype user\r\ntype doc\r\n  relations\r\n    define a: [user]\r\n",
	"model\n\tschema 1.1\ntype user\ntype doc\n\trelations\n\t\tdefine a: [user]\n",
	"model\n  schema 1.1\ntype user\ntype model\n  relations\n    define schema: [user]\n    define type: [model, user] or schema\n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define relations: [user]\n    define define: relations\n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define or: [user]\n    define a: or or or\n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define from: [doc]\n    define a: [user] or a from from\n",
	"model\n  schema 1.1\ntype user\ntype a-b_c/d\n  relations\n    define a.b: [user]\n",
	"model\n  schema 1.1\ntype user\ntype 1doc\n  relations\n    define 2a: [user]\n",
	"model\n  schema 1.1\ntype user\ntype dóc\n  relations\n    define á: [user]\n",
	"model\n  schema 1.1\ntype user\ntype _doc\n  relations\n    define -a: [user]\n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations\n",
	"model\n  schema 1.1\n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define b: [user]\n    define a: [user] or(b)\n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define b: [user]\n    define a: [user :*] or b\n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define but: [user]\n    define not: but\n    define a: but but not not\n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define a-: [user]\n    define b--c: a-\n    define d: [user] or b--c\n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define a/b.c: [user]\n    define d: [user] or a/b.c\n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define a/: [user]\n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define a//b: [user]\n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define a/-b: [user]\n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define in: [user]\n",
	"model\n  schema 1.1\ntype user\ntype with\n  relations\n    define a: [user]\n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define relation: [user]\n    define extend: relation\n    define module: [doc#relation]\n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define true: [user]\n",
	"model\n  schema 1.1\ntype user\ntype list\n  relations\n    define map: [user]\n    define string: map\n",
	"model\n  schema 1.1\ntype user\ntype " + strings.Repeat("x", 254) + "\n  relations\n    define " + strings.Repeat("y", 50) + ": [user]\n",
	"model\n  schema 1.1\ntype user\ntype " + strings.Repeat("x", 255) + "\n  relations\n    define a: [user]\n",
	"model\n  schema 1.1\ntype user\ntype doc\n  relations\n    define " + strings.Repeat("y", 51) + ": [user]\n",
	"",
}

// judges compares what is said of a model's text.
func (p *peer) judges(t *testing.T, text string) {
	t.Helper()
	p.models++
	_, ours := ParseModel("random.fga", text)
	_, theirs := p.server.Model(t, p.store, text)
	if (ours == nil) != (theirs == nil) {
		t.Errorf("we say %v, OpenFGA says %v of\n%s", ours, theirs, text)
	}
	if ours == nil {
		p.sound++
	}
}

// world writes a model and its tuples to a store of their own, and asks for everything
// in it.
func (p *peer) world(t *testing.T, rnd *rand.Rand, w world) {
	t.Helper()
	p.worlds++
	p.store = p.server.Store(t)
	model, err := p.server.Model(t, p.store, w.text)
	if err != nil {
		t.Fatalf("%v\n%s", err, w.text)
	}
	var tuples []string
	for _, one := range w.tuples {
		if s := one.Subject(); s.Relation == one.Relation && s.Type == one.Type && s.ID == one.ID {
			p.implicit++
			continue
		}
		tuples = append(tuples, one.String())
	}
	p.server.Write(t, p.store, model, tuples...)
	x := NewIndex()
	if err := x.Apply(Change{Revision: 1, Whole: true, Add: w.tuples}); err != nil {
		t.Fatal(err)
	}
	e, err := New(w.model, x, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		s := randomSubject(rnd)
		if s.Relation != "" && w.model.kind(s.Type).relation(s.Relation) == nil {
			continue
		}
		var keys []fgatest.Key
		for _, k := range w.model.kinds {
			for _, d := range k.relations {
				for _, o := range w.objects[k.name] {
					keys = append(keys, fgatest.Key{User: s.String(), Relation: d.name, Object: o})
				}
				p.list(t, e, w, model, s, d.name, k.name)
			}
		}
		answers := p.batch
		if i == 0 {
			answers = p.single
		}
		said := answers(t, model, keys)
		for j, k := range keys {
			p.same(t, e, w, model, k, said[j])
		}
	}
}

// same compares a check.
func (p *peer) same(t *testing.T, e *Engine, w world, model string, k fgatest.Key, held bool) {
	t.Helper()
	p.checks++
	s, err := ParseSubject(k.User)
	if err != nil {
		t.Fatal(err)
	}
	o, err := ParseObject(k.Object)
	if err != nil {
		t.Fatal(err)
	}
	switch got, err := e.Check(t.Context(), Revision{}, s, k.Relation, o); {
	case got.Held && !held && slices.Contains(p.listed(t, model, s, k.Relation, o.Type), o.ID) && w.held(s, k):
		p.circles++
	case errors.Is(err, ErrCycle) && !stratified(e.bound) && !held:
		p.undecided++
	case err != nil || got.Held != held:
		t.Errorf("%+v: %v, %v; OpenFGA says %v\n%s\n%v", k, got.Held, err, held, w.text, w.tuples)
	case held:
		p.yes++
	}
}

// single asks one by one.
func (p *peer) single(t *testing.T, model string, keys []fgatest.Key) (held []bool) {
	t.Helper()
	for _, k := range keys {
		var a struct{ Allowed *bool }
		p.ask(t, "check", map[string]any{"tuple_key": k, "authorization_model_id": model}, &a)
		if a.Allowed == nil {
			t.Fatalf("%+v is not answered", k)
		}
		held = append(held, *a.Allowed)
	}
	return held
}

// mostChecks is how many the server takes in one batch.
const mostChecks = 50

// batch asks for many at once.
func (p *peer) batch(t *testing.T, model string, keys []fgatest.Key) (held []bool) {
	t.Helper()
	type item struct {
		Key fgatest.Key `json:"tuple_key"`
		ID  string      `json:"correlation_id"`
	}
	for part := range slices.Chunk(keys, mostChecks) {
		var list []item
		for i, k := range part {
			list = append(list, item{k, fmt.Sprint("q", i)})
		}
		var a struct {
			Result map[string]struct {
				Allowed bool
				Error   json.RawMessage
			}
		}
		p.ask(t, "batch-check", map[string]any{"checks": list, "authorization_model_id": model}, &a)
		for i, k := range part {
			got, there := a.Result[list[i].ID]
			if !there || got.Error != nil {
				t.Fatalf("%+v is answered %s", k, got.Error)
			}
			held = append(held, got.Allowed)
		}
	}
	return held
}

// list compares a list.
func (p *peer) list(t *testing.T, e *Engine, w world, model string, s Subject, relation, kind string) {
	t.Helper()
	p.lists++
	want := p.listed(t, model, s, relation, kind)
	switch got, err := e.List(t.Context(), Revision{}, s, relation, kind, 1000); {
	case errors.Is(err, ErrCycle) && !stratified(e.bound):
		p.undecidedLists++
	case err != nil || !slices.Equal(got.IDs, want):
		t.Errorf("%s %s of %s: %v, %v; OpenFGA says %v\n%s\n%v", s, relation, kind, got.IDs, err, want, w.text, w.tuples)
	}
}

// listed asks for a list.
func (p *peer) listed(t *testing.T, model string, s Subject, relation, kind string) (ids []string) {
	t.Helper()
	var a struct{ Objects []string }
	p.ask(t, "list-objects", map[string]any{"user": s.String(), "relation": relation, "type": kind, "authorization_model_id": model}, &a)
	for _, o := range a.Objects {
		ids = append(ids, strings.TrimPrefix(o, kind+":"))
	}
	slices.Sort(ids)
	return ids
}

// held reports whether an oracle by brute force has no doubt that something holds.
func (w world) held(s Subject, k fgatest.Key) bool {
	o := oracle{model: w.model, tuples: w.tuples, objects: w.objects, subject: s}
	least, _ := o.answer()
	return least[atom{k.Object, k.Relation}]
}

// ask calls the store and fails where the answer is an error.
func (p *peer) ask(t *testing.T, what string, question map[string]any, answer any) {
	t.Helper()
	question["consistency"] = "HIGHER_CONSISTENCY"
	status, body := p.server.Call(t, "/stores/"+p.store+"/"+what, question)
	if err := json.Unmarshal(body, answer); status != http.StatusOK || err != nil {
		t.Fatalf("%s %v: %d %s", what, question, status, body)
	}
}
