package block

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/store"
	"github.com/gatehouse-api/gatehouse/store/memory"
)

type operation struct{}

func (operation) ID() string       { return "getOrder" }
func (operation) Method() string   { return "GET" }
func (operation) Template() string { return "/v1/orders/{orderId}" }

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func compiled(t *testing.T, op gatehouse.Operation) ([]gatehouse.Step, *memory.Blocks) {
	t.Helper()
	b := &gatehouse.Build{API: "orders", Operation: op, Now: func() time.Time { return now }, Kept: gatehouse.NewKept()}
	blocks := memory.NewBlocks()
	gatehouse.Provide[store.Blocks](b.Kept, blocks)
	steps, err := (&Config{}).Compile(b)
	if err != nil {
		t.Fatal(err)
	}
	return steps, blocks
}

func exchange(addr string, p *gatehouse.Principal) *gatehouse.Exchange {
	x := &gatehouse.Exchange{At: now, Principal: p}
	x.Conn.Client = netip.MustParseAddr(addr)
	return x
}

func ask(t *testing.T, steps []gatehouse.Step, x *gatehouse.Exchange) string {
	t.Helper()
	for _, s := range steps {
		v, err := s.Enforce(context.Background(), x)
		if err != nil {
			t.Fatal(err)
		}
		if !v.Passed() {
			return v.Rule()
		}
	}
	return ""
}

var alice = &gatehouse.Principal{Kind: "user", ID: "alice", Issuer: "https://login.example.com", Client: "web", KeyID: "k1"}

// incident.block, incident.disable
func TestWhatIsBlockedIsRefused(t *testing.T) {
	hour := now.Add(time.Hour)
	for name, c := range map[string]struct {
		block store.Block
		addr  string
		want  string
	}{
		"an address":                {store.Block{Kind: store.BlockAddress, Subject: "192.0.2.1"}, "192.0.2.1", "block.address"},
		"another address":           {store.Block{Kind: store.BlockAddress, Subject: "192.0.2.1"}, "192.0.2.2", ""},
		"a network":                 {store.Block{Kind: store.BlockAddress, Subject: "192.0.2.77/24"}, "192.0.2.1", "block.address"},
		"another network":           {store.Block{Kind: store.BlockAddress, Subject: "192.0.2.0/24"}, "192.0.3.1", ""},
		"an IPv6 network":           {store.Block{Kind: store.BlockAddress, Subject: "2001:db8::/32"}, "2001:db8:1::1", "block.address"},
		"until later":               {store.Block{Kind: store.BlockAddress, Subject: "192.0.2.1", Until: hour}, "192.0.2.1", "block.address"},
		"until now":                 {store.Block{Kind: store.BlockAddress, Subject: "192.0.2.1", Until: now}, "192.0.2.1", ""},
		"for this endpoint":         {store.Block{Kind: store.BlockAddress, Subject: "192.0.2.1", Scope: "orders/getOrder"}, "192.0.2.1", "block.address"},
		"for another endpoint":      {store.Block{Kind: store.BlockAddress, Subject: "192.0.2.1", Scope: "orders/listOrders"}, "192.0.2.1", ""},
		"a principal":               {store.Block{Kind: store.BlockPrincipal, Subject: "alice", Issuer: alice.Issuer}, "192.0.2.1", "block.principal"},
		"a principal of any issuer": {store.Block{Kind: store.BlockPrincipal, Subject: "alice"}, "192.0.2.1", "block.principal"},
		"a namesake":                {store.Block{Kind: store.BlockPrincipal, Subject: "alice", Issuer: "https://other.example.com"}, "192.0.2.1", ""},
		"a key":                     {store.Block{Kind: store.BlockKey, Subject: "k1"}, "192.0.2.1", "block.key"},
		"a client":                  {store.Block{Kind: store.BlockClient, Subject: "web"}, "192.0.2.1", "block.client"},
		"a client's name as a key":  {store.Block{Kind: store.BlockKey, Subject: "web"}, "192.0.2.1", ""},
		"an endpoint":               {store.Block{Kind: store.BlockEndpoint, Subject: "orders/getOrder"}, "192.0.2.1", "block.endpoint"},
		"a whole API":               {store.Block{Kind: store.BlockEndpoint, Subject: "orders/*"}, "192.0.2.1", "block.endpoint"},
		"another API":               {store.Block{Kind: store.BlockEndpoint, Subject: "bills/*"}, "192.0.2.1", ""},
	} {
		steps, blocks := compiled(t, operation{})
		c.block.ID = "b1"
		if got := ask(t, steps, exchange(c.addr, alice)); got != "" {
			t.Errorf("%s: refused by %s before the block", name, got)
		}
		if err := blocks.Add(t.Context(), c.block); err != nil {
			t.Fatal(err)
		}
		if got := ask(t, steps, exchange(c.addr, alice)); got != c.want {
			t.Errorf("%s: %q; want %q", name, got, c.want)
		}
		if err := blocks.Lift(t.Context(), "b1"); err != nil {
			t.Fatal(err)
		}
		if got := ask(t, steps, exchange(c.addr, alice)); got != "" {
			t.Errorf("%s: refused by %s after the block was lifted", name, got)
		}
	}
}

// What a store of another program might hold.
func TestAnAddressNobodyCanReadShutsNobodyOut(t *testing.T) {
	s := index([]store.Block{{ID: "1", Kind: store.BlockAddress, Subject: "192.0.2"}, {ID: "2", Kind: store.BlockAddress, Subject: "192.0.2.7"}}, nil)
	for addr, want := range map[string]string{"192.0.2.1": "", "192.0.2.7": "block.address"} {
		if v := s.address(netip.MustParseAddr(addr), "orders/getOrder", now); v.Rule() != want {
			t.Errorf("%s: %q; want %q", addr, v.Rule(), want)
		}
	}
}

func TestR37_ABlockedAddressIsBlockedInItsMappedForm(t *testing.T) {
	for _, subject := range []string{"192.0.2.1", "::ffff:192.0.2.1", "192.0.2.0/24", "::ffff:192.0.2.0/120"} {
		steps, blocks := compiled(t, operation{})
		if err := blocks.Add(t.Context(), store.Block{ID: "1", Kind: store.BlockAddress, Subject: subject}); err != nil {
			t.Fatal(err)
		}
		for _, addr := range []string{"192.0.2.1", "::ffff:192.0.2.1"} {
			if got := ask(t, steps, exchange(addr, alice)); got != "block.address" {
				t.Errorf("%s blocked, %s asks: %q", subject, addr, got)
			}
		}
	}
}

func TestUndeclaredRequestsOfBlockedAddressesAreRefused(t *testing.T) {
	steps, blocks := compiled(t, nil)
	if err := blocks.Add(t.Context(), store.Block{ID: "1", Kind: store.BlockAddress, Subject: "192.0.2.1"}); err != nil {
		t.Fatal(err)
	}
	if got := ask(t, steps, exchange("192.0.2.1", nil)); len(steps) != 1 || got != "block.address" {
		t.Errorf("%d steps, %q", len(steps), got)
	}
}

// alert.act: what detection does on its own must not shut out the ones who can undo it.
func TestExemptAddressesAreNotShutOut(t *testing.T) {
	b := &gatehouse.Build{API: "orders", Operation: operation{}, Now: func() time.Time { return now }, Kept: gatehouse.NewKept()}
	blocks := memory.NewBlocks()
	gatehouse.Provide[store.Blocks](b.Kept, blocks)
	if err := blocks.Add(t.Context(), store.Block{ID: "1", Kind: store.BlockAddress, Subject: "192.0.2.0/24"}); err != nil {
		t.Fatal(err)
	}
	c := &Config{Exempt: []netip.Prefix{netip.MustParsePrefix("::ffff:192.0.2.0/121")}}
	if _, err := c.Compile(b); err == nil {
		t.Error("an exemption without a waiver compiled")
	}
	c.Waiver = &gatehouse.Waiver{Because: "office", Owner: "noc@example.com", Until: now.AddDate(0, 1, 0)}
	steps, err := c.Compile(b)
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]string{"192.0.2.1": "", "::ffff:192.0.2.1": "", "192.0.2.200": "block.address"} {
		if got := ask(t, steps, exchange(addr, alice)); got != want {
			t.Errorf("%s: %q; want %q", addr, got, want)
		}
	}
}

func TestWithoutAStoreItDoesNotCompile(t *testing.T) {
	b := &gatehouse.Build{API: "orders", Operation: operation{}, Kept: gatehouse.NewKept()}
	if _, err := (&Config{}).Compile(b); !errors.Is(err, gatehouse.ErrNotProvided) {
		t.Errorf("%v; want ErrNotProvided", err)
	}
}

func TestBlocksThatAreNotKnownAreAnError(t *testing.T) {
	g := &gate{list: &list{}}
	x := exchange("192.0.2.1", alice)
	_, one := g.address(context.Background(), x)
	_, two := g.principal(context.Background(), x)
	if !errors.Is(one, errUnknown) || !errors.Is(two, errUnknown) {
		t.Errorf("%v, %v; want errUnknown", one, two)
	}
}

func TestPassingAllocatesNothing(t *testing.T) {
	steps, blocks := compiled(t, operation{})
	for i := range 1000 {
		for _, b := range []store.Block{
			{ID: fmt.Sprint("a", i), Kind: store.BlockAddress, Subject: fmt.Sprintf("198.51.%d.0/%d", i%256, 16+i%16)},
			{ID: fmt.Sprint("p", i), Kind: store.BlockPrincipal, Subject: fmt.Sprint("p", i)},
		} {
			if err := blocks.Add(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
	}
	x, passed := exchange("192.0.2.1", alice), 0
	if n := testing.AllocsPerRun(200, func() {
		if ask(t, steps, x) == "" {
			passed++
		}
	}); n != 0 || passed != 201 {
		t.Errorf("%v allocations, %d of 201 passed", n, passed)
	}
}
