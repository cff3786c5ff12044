package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-api/gatehouse/store"
)

// Owners tests what open opens.
func Owners(t *testing.T, open func(t *testing.T) store.Owners) {
	order := func(id, owner string) store.Owner {
		return store.Owner{Kind: "orders/order", ID: id, Owner: owner, Tenant: "t1", Author: "gateway", At: start}
	}
	t.Run("an object belongs to who claimed it, until it is forgotten", func(t *testing.T) {
		o := open(t)
		mine := order("ord-1", "alice")
		for range 2 { // claiming one's own again is no conflict
			if err := o.Claim(t.Context(), mine); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := o.Owner(t.Context(), "orders/order", "ord-1"); err != nil || !cmp.Equal(got, mine) {
			t.Errorf("%v\n%s", err, cmp.Diff(mine, got))
		}
		other := mine
		other.Tenant = "t2"
		for _, e := range []store.Owner{order("ord-1", "bob"), other} {
			if err := o.Claim(t.Context(), e); !errors.Is(err, store.ErrExists) {
				t.Errorf("%s of %s claims what is alice's: %v", e.Owner, e.Tenant, err)
			}
		}
		for _, key := range [][2]string{{"orders/order", "ORD-1"}, {"orders/order", "ord-1 "}, {"orders/orders", "ord-1"}, {"orders/order", ""}} {
			if _, err := o.Owner(t.Context(), key[0], key[1]); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("%q is taken for another: %v", key, err)
			}
		}
		if err := o.Forget(t.Context(), "orders/order", "ord-1"); err != nil {
			t.Fatal(err)
		}
		if err := o.Forget(t.Context(), "orders/order", "ord-1"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("forgotten twice: %v", err)
		}
		if err := o.Claim(t.Context(), order("ord-1", "bob")); err != nil {
			t.Errorf("after the end of the first: %v", err)
		}
	})
	t.Run("what makes no sense is not taken", func(t *testing.T) {
		o := open(t)
		for what, e := range map[string]store.Owner{
			"nobody's": order("1", ""), "no id": order("", "alice"), "no API": {Kind: "order", ID: "1", Owner: "alice"}, "NUL": order("a\x00b", "alice"),
			"no UTF-8": order("\xff", "alice"), "a long id": order(strings.Repeat("x", store.LongestOwned+1), "alice"),
		} {
			if err := o.Claim(t.Context(), e); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("claiming %s: %v", what, err)
			}
			if err := o.Set(t.Context(), []store.Owner{order("fine", "alice"), e}); !errors.Is(err, store.ErrInvalid) {
				t.Errorf("setting %s: %v", what, err)
			}
		}
		if list, err := o.List(t.Context(), "orders/order", "", 10); err != nil || len(list) != 0 {
			t.Errorf("a list of which one entry was refused left %v, %v", list, err)
		}
	})
	t.Run("operators set owners and list them by pages", func(t *testing.T) {
		o := open(t)
		var list []store.Owner
		for i := range 5 {
			list = append(list, order(fmt.Sprintf("ord-%d", i), "alice"))
		}
		if err := o.Set(t.Context(), list); err != nil {
			t.Fatal(err)
		}
		if err := o.Set(t.Context(), []store.Owner{{Kind: "orders/invoice", ID: "ord-1", Owner: "eve", At: start}, order("ord-3", "bob")}); err != nil {
			t.Fatal(err)
		}
		list[3].Owner = "bob"
		first, err := o.List(t.Context(), "orders/order", "", 3)
		if err != nil || !cmp.Equal(first, list[:3]) {
			t.Errorf("%v\n%s", err, cmp.Diff(list[:3], first))
		}
		rest, err := o.List(t.Context(), "orders/order", "ord-2", 3)
		if err != nil || !cmp.Equal(rest, list[3:]) {
			t.Errorf("%v\n%s", err, cmp.Diff(list[3:], rest))
		}
	})
	t.Run("of those who claim one object at once one has it", func(t *testing.T) {
		o := open(t)
		var had atomic.Int64
		together(8, func(i int) {
			e := order("ord-1", fmt.Sprint("person-", i))
			e.At = start.Add(time.Duration(i))
			switch err := o.Claim(t.Context(), e); {
			case err == nil:
				had.Add(1)
			case !errors.Is(err, store.ErrExists):
				t.Error(err)
			}
		})
		if had.Load() != 1 {
			t.Errorf("%d have it", had.Load())
		}
	})
}

// OwnersCost measures what one request pays for knowing whose an object is, among
// 20,000.
func OwnersCost(b *testing.B, o store.Owners) {
	ids := make([]string, 20_000)
	for i := range ids {
		ids[i] = fmt.Sprintf("ord-%d", i)
	}
	for some := range slices.Chunk(ids, 1000) {
		list := make([]store.Owner, len(some))
		for i, id := range some {
			list[i] = store.Owner{Kind: "orders/order", ID: id, Owner: "alice", Tenant: "t1", Author: "gateway", At: start}
		}
		if err := o.Set(b.Context(), list); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := o.Owner(b.Context(), "orders/order", ids[i*7919%len(ids)]); err != nil {
			b.Fatal(err)
		}
	}
}
