package object

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/policy"
	"github.com/gatehouse-api/gatehouse/store"
)

// cutting is the memory for cutting parts out of a reply.
type cutting struct {
	nodes []int
	out   []byte
}

func (r *rule) cutting() *cutting {
	cut, ok := r.buffers.Get().(*cutting)
	if !ok {
		cut = new(cutting)
	}
	cut.nodes = cut.nodes[:0]
	return cut
}

// listed judges every element of a list before a byte of it leaves.
func (r *rule) listed(ctx context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	s, refusal := r.stands(x)
	if refusal != nil {
		return gatehouse.Deny(refusal), nil
	}
	if v, more := r.reply(x, s); !more {
		return v, nil
	}
	if !r.drop && !r.inMap() {
		if worst, ok := r.read(x, s); ok {
			return verdict(worst), nil
		}
	}
	d, err := jsonwalk.Of(&x.Response.Parsed, x.Response.Body, limits)
	if err != nil {
		return gatehouse.Deny(unverifiable).Because(notJSON), nil
	}
	cut := r.cutting()
	defer r.buffers.Put(cut)
	worst, left, failed, why, ask := own, 0, error(nil), "", r.asker(ctx, x)
	r.each.Each(d, 0, func(n int) bool {
		found := absent
		if n != jsonwalk.Missing {
			var says string
			if found, says, failed = r.element(ctx, ask, d, n, s); failed != nil {
				return false
			}
			if found < worst {
				why = says
			}
		}
		worst = min(worst, found)
		switch found {
		case other:
			cut.nodes = append(cut.nodes, n)
		case own:
			left++
		}
		return found != absent && (r.drop || found == own)
	})
	switch {
	case failed != nil:
		return gatehouse.Verdict{}, failed
	case worst == absent || !r.drop:
		if v := verdict(worst); why == "" {
			return v, nil
		} else {
			return v.Because(why), nil
		}
	}
	dropped := len(cut.nodes)
	if !r.total(d, cut, left) {
		return gatehouse.Deny(unverifiable).Because("the reply counts fewer elements than it has"), nil
	}
	if r.cutOut(x, d, cut); dropped > 0 {
		// Into the log only: the caller must not learn how many there are of others.
		return gatehouse.PassBy("object.dropped").Because(x.Text(x.Number(int64(dropped)), " elements of others")), nil
	}
	return verified, nil
}

// element compares one element of a list, or an object inside another. One that the map
// of owners does not know is somebody else's.
func (r *rule) element(ctx context.Context, ask *asker, d *jsonwalk.Doc, n int, s standing) (found outcome, why string, err error) {
	id, kept := "", store.Owner{}
	if r.inMap() || r.byID() {
		id = r.replied(d, n)
	}
	if r.inMap() {
		if id == "" {
			return absent, "", nil
		}
		switch kept, err = r.owners.Owner(ctx, r.kind, id); {
		case errors.Is(err, store.ErrNotFound):
			return other, "", nil
		case err != nil:
			return absent, "", err
		case r.tenant.set() && kept.Tenant != s.p.Tenant, r.act == nil && !s.role && kept.Owner != s.p.ID:
			return other, "", nil
		}
	}
	v := r.values(d, n)
	if r.act == nil {
		return r.judge(&v, s), "", nil
	}
	if found = r.tenanted(&v, s); found != own {
		return found, "", nil
	}
	found, why = ask.about(id, d, n, kept).decide(r.act)
	return found, why, nil
}

// verdict is what the worst element of a list means for all of it.
func verdict(worst outcome) gatehouse.Verdict {
	switch worst {
	case absent:
		return gatehouse.Deny(unverifiable).Because("an element does not say whose it is")
	case own:
		return verified
	}
	return gatehouse.Deny(foreign).Because("an element is somebody else's")
}

// total is a number that counts the elements of a list, those of others included.
type total struct {
	path     *jsonwalk.Path
	required bool // it cannot be left out: the elements that are left are counted
}

// counting are the names by which descriptions call such numbers.
var counting = [...]string{"total", "totals", "count", "size", "length", "hits", "pages", "totalcount", "totalitems", "totalelements", "totalpages", "totalresults", "totalhits", "itemcount", "resultcount", "numfound", "numberofelements", "pagecount", "recordcount"}

// totalsOf finds the numbers that count, beside the elements and above them.
func totalsOf(op *openapi.Operation, each string, named []string) (list []total, err error) {
	for _, text := range named {
		rest, ok := strings.CutPrefix(text, "response.")
		p, bad := jsonwalk.CompilePath(rest)
		if !ok || bad != nil || p.Many() {
			return nil, fmt.Errorf("%q names no number of the reply", text)
		}
		list = append(list, total{path: p})
	}
	var schema *openapi.Schema
	if op != nil {
		if res := op.Response(200); res != nil {
			schema = res.JSON("application/json")
		}
	}
	at := ""
	for step := range strings.SplitSeq(strings.TrimSuffix(each, "[*]"), ".") {
		if schema == nil || step == "" {
			break
		}
		for _, name := range schema.Properties() {
			k := schema.Property(name)
			if k.Types()&openapi.TypeInteger == 0 || k.Types()&(openapi.TypeString|openapi.TypeObject) != 0 || !slices.Contains(counting[:], strings.ReplaceAll(plain(name), ".", "")) {
				continue
			}
			p, bad := jsonwalk.CompilePath(at + name)
			if bad != nil {
				return nil, errors.Join(err, bad)
			}
			list = append(list, total{p, schema.Requires(name)})
		}
		schema, at = schema.Property(step), at+step+"."
	}
	return list, nil
}

// total takes the numbers that count out of the reply. One that must be there counts
// what is left, and is written over the other in the reply's own memory.
func (r *rule) total(d *jsonwalk.Doc, cut *cutting, left int) bool {
	for _, t := range r.totals {
		n := t.path.Find(d, 0)
		switch {
		case n == jsonwalk.Missing || slices.Contains(cut.nodes, n):
		case !t.required:
			cut.nodes = append(cut.nodes, n)
		case d.Kind(n) != jsonwalk.Number || !overwrite(d.Raw(n), left):
			return false
		}
	}
	slices.Sort(cut.nodes)
	return true
}

// overwrite writes a number over another that is not shorter, with spaces behind.
func overwrite(at []byte, n int) bool {
	var room [20]byte
	digits := strconv.AppendInt(room[:0], int64(n), 10)
	if len(digits) > len(at) {
		return false
	}
	for i := copy(at, digits); i < len(at); i++ {
		at[i] = ' '
	}
	return true
}

// cutOut removes the elements and the totals from the reply, and the fields that
// speak of the bytes that were, or count: those of a list from which nothing had to be
// cut as well, or their absence would tell.
func (r *rule) cutOut(x *gatehouse.Exchange, d *jsonwalk.Doc, cut *cutting) {
	f := &x.Response.Fields
	for _, name := range [...]string{"accept-ranges", "content-range", "last-modified", "x-total-count", "x-total", "x-total-pages", "total-count"} {
		f.Del(name)
	}
	if len(cut.nodes) > 0 || len(r.totals) > 0 {
		cut.out = d.AppendWithout(cut.out[:0], cut.nodes)
		x.Response.Body = append(x.Response.Body[:0], cut.out...)
	}
	x.Response.Changed()
}

// listOf finds out where the elements of a list are.
func (r *rule) listOf(o *policy.Object, b *gatehouse.Build, k string) error {
	if r.action != policy.List {
		return nil
	}
	each := ""
	if o.List != nil {
		r.drop = o.List.OnForeign == "drop"
		each = o.List.Each
	}
	if each == "" {
		each = eachOf(b.Operation)
	} else if rest, ok := strings.CutPrefix(each, "response"); ok {
		each = strings.TrimPrefix(rest, ".")
	}
	p, err := jsonwalk.CompilePath(each)
	if err != nil || !strings.HasSuffix(each, "[*]") {
		if !r.tells() {
			return nil // who may have the list may have all of it
		}
		return &gatehouse.Fault{Key: k + ".list.each", Says: "nothing says where the elements of " + b.Operation.ID() + " are", Fix: `"response.items[*]", or "response[*]"`}
	}
	r.each = p
	if !r.drop || !r.tells() {
		return nil
	}
	op, _ := b.Operation.(*openapi.Operation)
	var named []string
	if o.List != nil {
		named = o.List.Totals
	}
	if r.totals, err = totalsOf(op, each, named); err != nil {
		return &gatehouse.Fault{Key: k + ".list.totals", Says: err.Error(), Fix: "[response.meta.total]"}
	}
	return nil
}
