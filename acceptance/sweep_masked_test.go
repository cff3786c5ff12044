package acceptance

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// missing is an order that nobody has.
const missing = "ord-2999"

// TestWhatIsMaskedLooksLikeWhatIsMissing compares, where on_deny is 404, answers about
// others' orders with those about orders that are not there: status, fields, length, body
// (authz.existence).
func TestWhatIsMaskedLooksLikeWhatIsMissing(t *testing.T) {
	d := startDemo(t, "        owner: response.customer_id\n", "        owner: response.customer_id\n        on_deny: 404\n")
	compared := 0
	for _, pair := range pairs {
		theirs := belongings(d.holds(t, stored{}), pair.other).theirs[0]
		for _, id := range []string{"getOrder", "updateOrder", "deleteOrder"} {
			op := d.description.Operation(id)
			for i, change := range masks(theirs) {
				foreign, miss := d.plain(op, d.token(t, pair.caller), theirs), d.plain(op, d.token(t, pair.caller), missing)
				change(foreign)
				change(miss)
				got, want := d.seen(t, foreign), d.seen(t, miss)
				if got != strings.ReplaceAll(want, missing, theirs) || !strings.HasPrefix(got, "4") || i == 0 && !strings.HasPrefix(got, "404") {
					t.Errorf("%s as %s: a foreign order\n%s\nand none\n%s", id, pair.caller.id, got, want)
				}
				compared++
			}
			d.alike(t, id, pair.caller, theirs)
		}
	}
	t.Logf("figure answers that tell a foreign order from none 0/0 of %d", compared)
}

// masks are what a request may carry that upstreams answer to: each must be answered
// alike by a foreign order and by none.
func masks(theirs string) []func(*probe) {
	field := func(name, value string) func(*probe) {
		return func(p *probe) { p.header.Set(name, value) }
	}
	return []func(*probe){
		func(*probe) {},
		field("If-None-Match", `"x"`), field("If-Match", "*"), field("If-None-Match", "*"), field("Range", "bytes=0-3"), field("Accept-Encoding", "gzip"),
		field("If-Modified-Since", "Sun, 06 Nov 2022 08:49:37 GMT"), field("Accept", "text/html"), field("Origin", "https://app.example.com"),
		func(p *probe) {
			if p.method == http.MethodGet {
				p.method = http.MethodHead
			}
		},
		func(p *probe) { p.target += "?customer_id=" + theirs },
	}
}

// own is what differs between any two answers, to whatever question.
var own = regexp.MustCompile(`(?m)^(Date|X-Request-Id|(?:X-)?Ratelimit[^:]*): .*$|"request_id":"[^"]*"`)

// seen is what a caller sees of an answer, in one text.
func (d *demo) seen(t *testing.T, p *probe) string {
	t.Helper()
	status, header, body := d.ask(t, p)
	var b strings.Builder
	fmt.Fprintf(&b, "%d, %d bytes\n", status, len(body))
	for _, name := range slices.Sorted(maps.Keys(header)) {
		fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(header[name], ", "))
	}
	return own.ReplaceAllString(b.String()+body, "$1 as ever")
}

// The bounds of the two-sample test: of so many answers each, that of a foreign order
// may be the slower one between 20 and 80 times of a hundred. It finds a look-up more or
// less, which is hundreds of microseconds, and leaves alone what a machine does that has
// other work as well.
const (
	samplesEach = 150
	mostApart   = 0.3
	attempts    = 3
)

// alike compares how long the answers about a foreign order and about none take. That
// it can tell what takes longer is shown by a list of the caller's own.
func (d *demo) alike(t *testing.T, id string, caller account, theirs string) {
	t.Helper()
	op, list, token := d.description.Operation(id), d.description.Operation("listOrders"), d.token(t, caller)
	miss := d.plain(op, token, missing)
	long := d.plain(list, d.token(t, alice), "")
	long.target += "?limit=100"
	sees := 0.0
	for try := 0; try < attempts && sees < mostApart; try++ { // a busy machine hides it now and then
		sees = d.apart(t, long, miss)
	}
	if sees < mostApart {
		t.Errorf("%s: a list of a hundred orders is told from a missing one %.2f of 1 from an even chance: the test sees nothing", id, sees)
	}
	by := 0.0
	for range attempts {
		if by = d.apart(t, d.plain(op, token, theirs), miss); by < mostApart {
			t.Logf("figure %s as %s: the time tells a foreign order from none %.2f of 1 from an even chance", id, caller.id, by)
			return
		}
	}
	t.Errorf("%s as %s: the time tells a foreign order from none: %.2f of 1 from an even chance", id, caller.id, by)
}

// apart asks two questions in turn, in an order that nobody else's rhythm falls in with,
// and returns how far from an even chance it is that one answer is the slower one (Mann
// and Whitney's U over n times m): between 0 and 0.5.
func (d *demo) apart(t *testing.T, questions ...*probe) float64 {
	t.Helper()
	var took [2][]time.Duration
	for range samplesEach {
		first := rand.IntN(2)
		for _, which := range []int{first, 1 - first} {
			began := time.Now()
			d.ask(t, questions[which])
			took[which] = append(took[which], time.Since(began))
		}
	}
	return math.Abs(slower(took[0], took[1]) - 0.5)
}

// slower is how often one of a is slower than one of b, of 1.
func slower(a, b []time.Duration) float64 {
	wins := 0.0
	for _, x := range a {
		for _, y := range b {
			wins += float64(cmp.Compare(x, y)+1) / 2
		}
	}
	return wins / float64(len(a)*len(b))
}
