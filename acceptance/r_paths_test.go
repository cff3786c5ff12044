package acceptance

import (
	"math/rand/v2"
	"net/url"
	"path"
	"slices"
	"strings"
	"testing"
)

// hiddenAdmins are spellings that some reader takes for /admin/users, and that a
// rule on the text of a path takes for one of the public places.
func hiddenAdmins() (list []string) {
	for _, dot := range []string{".", "%2e", "%2E"} {
		for _, slash := range []string{"/", "%2f", "%2F", `\`, "%5c", "%5C"} {
			list = append(list,
				"/public"+slash+dot+dot+slash+"admin/users",
				"/"+dot+slash+"admin/users",
				"/admin"+slash+dot+"/users",
				"/admin/users"+slash+dot,
				"/x/y"+slash+dot+"."+slash+".."+slash+"admin/users")
		}
	}
	for _, slash := range []string{"%2f", "%2F", `\`, "%5c", "%5C", "%252f", "%c0%af", "%e0%80%af", "%u002f", "%ef%bc%8f%2f"} {
		list = append(list, "/admin"+slash+"users", slash+"admin/users", "/"+slash+"admin/users", "/admin/users"+slash)
	}
	return append(list, "/admin;/users", "/admin;x=1/users", "/admin/users;", "/..;/admin/users", "/public/..;/admin/users", "/public/..;x/admin/users",
		"/admin%3b/users", "/admin%3B/users", "/admin//users", "//admin/users", "///admin/users", "/admin/users//", "/public//../admin/users",
		"/admin%00/users", "/admin/users%00", "/admin/users%00.html", "/admin/users%0a", "/admin/users%0d%0a", "/admin%09/users", "/admin/users%7f",
		"/%2561dmin/users", "/admin%252fusers", "/public/%252e%252e/admin/users", "/%25%36%31dmin/users", "/admin/%ff", "/admin/%", "/admin/%4", "/admin/%zz/users",
		"/public#/../admin/users", "/public/x#", "/public/%2e.%2fadmin/users", "/public/.%2e/admin/users", "/public/%2e%2e%2f%2e%2e/admin/users", "/..", "/../admin/users", "/admin/..", "/.")
}

func TestR1_EncodedSlashesAndDotSegmentsNeverReachAProtectedPath(t *testing.T) {
	h := open(t, options{})
	list := slices.DeleteFunc(hiddenAdmins(), func(s string) bool { return !strings.HasPrefix(s, "/") })
	counted(t, h.refuse(t, targets(h.alice(), list...)), 3*2*len(list))
	if len(list) < 80 {
		t.Errorf("%d spellings", len(list))
	}
	t.Logf("figure spellings of a protected path that reached it 0/0 of %d", len(list))
}

func TestR1_EverySpellingThatIsTakenIsDecidedOnAsTheProtectedPath(t *testing.T) {
	h := open(t, options{})
	n := 0
	for _, c := range h.callers(t) {
		for _, target := range []string{"/admin/users", "/%61dmin/users", "/adm%69n/users", "/admin/%75sers", "/%61%64%6d%69%6E/%75%73%65%72%73", "/admin/users?", "/admin/users?x=/public/a"} {
			n++
			before := h.up.count()
			for token, want := range map[string]int{"": 401, h.alice(): 403} {
				if g := c.do(ask{target: target, token: token}); g.status != want {
					t.Errorf("%s %s: %d, want %d", c.name(), target, g.status, want)
				}
			}
			if h.up.count() != before {
				t.Errorf("%s %s: reached the upstream", c.name(), target)
			}
			if g := c.do(ask{target: target, token: h.root()}); g.status != 200 {
				t.Errorf("%s %s: an administrator got %d", c.name(), target, g.status)
			} else if a := h.up.last(); !strings.HasPrefix(a.target, "/admin/users") {
				t.Errorf("%s %s: the upstream saw %s", c.name(), target, a.target)
			}
		}
	}
	counted(t, n, 21)
}

func TestR2_APathThatAPrefixIsAddedToIsTheOneThatWasDecidedOn(t *testing.T) {
	h := open(t, options{api: strings.Replace(ordinary, "issuer:", "upstream: http://${UPSTREAM}/base/v9\nissuer:", 1)})
	list := []string{"/public/%2e%2e/admin", "/../admin", "/public/../../admin/users", "/%2e%2e/%2e%2e/admin", "/..%2fadmin", "/public/..%5c..%5cadmin", "/public/..;/..;/admin"}
	counted(t, h.refuse(t, targets("", list...)), 42)
	for _, c := range h.callers(t)[:2] { // the middleware has no upstream of its own
		for _, target := range []string{"/public/x", "/base/v9/x", "/x", "/public/%61?q=1"} {
			g := c.do(ask{target: target})
			if g.status != 200 && g.status != 400 {
				t.Errorf("%s %s: %d %s", c.name(), target, g.status, g.body)
			}
			d := h.said.of(t, g)
			want := "/base/v9" + d.Path
			if d.Query != "" {
				want += "?" + d.Query
			}
			if a := h.up.last(); d.Status == 200 && a.target != want {
				t.Errorf("%s %s: decided on %s, the upstream saw %s", c.name(), target, d.Path, a.target)
			}
		}
	}
}

func TestR3_ALeadingDoubleSlashIsNotAnAuthority(t *testing.T) {
	h := open(t, options{})
	list := []string{"//admin/x", "///", "//", "///admin/users", `/\admin`, `/\/admin`, `//evil.example/admin`, "/%2fadmin", "/%2Fadmin", "/%5cadmin", "/%5Cadmin/users", "//api.example.com/admin/users", "/.//admin/users", "//user@evil.example/"}
	counted(t, h.refuse(t, targets(h.alice(), list...)), 84)
	g := h.callers(t)[0].do(ask{target: "/admin/users"})
	if g.status != 401 {
		t.Fatal(g.status)
	}
	if d := h.said.of(t, g); d.Path != "/admin/users" || d.Endpoint != "listUsers" {
		t.Errorf("decided on %+v", d)
	}
}

func TestR4_EscapesAreDecodedOnce(t *testing.T) {
	h := open(t, options{})
	list := []string{"/%2561dmin/users", "/%252561dmin/users", "/%25", "/a%25", "/%2525", "/a/%25%32%66", "/%25252e%25252e/admin/users", "/admin%2520/users", "/public/%252e%252e/admin/users", "/v1/orders/%2531"}
	counted(t, h.refuse(t, targets(h.alice(), list...)), 60)
	for _, c := range h.callers(t) {
		for target, want := range map[string]string{"/x%41": "/xA", "/x%7e": "/x~", "/x%20y": "/x%20y", "/x%c3%a9": "/x%C3%A9", "/x%3f": "/x%3F"} {
			if g := c.do(ask{target: target}); g.status != 200 || h.up.last().target != want {
				t.Errorf("%s %s: %d, the upstream saw %s, want %s", c.name(), target, g.status, h.up.last().target, want)
			}
		}
	}
}

// TestR5_ writes hosts and escapes in random case: the decision and what leaves
// are always the same.
func TestR5_TheCaseOfHostsAndEscapesChangesNothing(t *testing.T) {
	h := open(t, options{})
	r := rand.New(rand.NewPCG(5, 5))
	mix := func(s string) string {
		b := []byte(s)
		for i, c := range b {
			if r.IntN(2) == 0 && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z') {
				b[i] ^= 0x20
			}
		}
		return string(b)
	}
	escapes := func(s string) string { // an escape's case only
		var b strings.Builder
		for i := 0; i < len(s); i++ {
			if s[i] == '%' {
				b.WriteString("%" + mix(s[i+1:i+3]))
				i += 2
				continue
			}
			b.WriteByte(s[i])
		}
		return b.String()
	}
	n := 0
	for _, c := range h.callers(t) {
		for range 100 {
			n++
			a := ask{host: mix(hostName), target: escapes("/x%c3%a9%2c%3a%40%5b")}
			g := c.do(a)
			d := h.said.of(t, g)
			saw := h.up.last()
			if g.status != 200 || d.Host != hostName || d.Path != "/x%C3%A9%2C%3A%40%5B" || d.Path != saw.target || d.Endpoint != "anyOne" || saw.values("host")[0] != hostName {
				t.Fatalf("%s %+v: %d, decided on %+v, the upstream saw %+v", c.name(), a, g.status, d, saw)
			}
			if g := c.do(ask{host: mix(hostName), target: escapes("/%61%64%6d%69%6e/%75sers")}); g.status != 401 {
				t.Fatalf("%s: the protected path got %d", c.name(), g.status)
			}
		}
	}
	counted(t, n, 300)
}

func TestR6_MatrixParametersAreRefused(t *testing.T) {
	h := open(t, options{})
	list := []string{"/admin;/users", "/admin;x/users", "/admin;x=1/users", "/admin/users;x", "/;/admin/users", "/;x/admin/users", "/public;a=b", "/public;/../admin/users", "/v1;x/orders/1", "/v1/orders/1;x=2", "/v1/orders/1%3bx", "/v1/orders/1%3Bx", "/realms;x/master"}
	counted(t, h.refuse(t, targets(h.alice(), list...)), 78)
}

func TestR7_AFragmentIsRefused(t *testing.T) {
	h := open(t, options{})
	list := []string{"/public#/../admin", "/public/x#", "/#", "/public#?x=/admin/users", "/admin/users#/public", "/public?q=a#b", "/public?q#", "#", "#/admin/users", "/public/#/admin"}
	counted(t, h.refuse(t, targets(h.alice(), list...)), 60)
}

func TestR8_AQueryNeverChoosesThePolicy(t *testing.T) {
	h := open(t, options{})
	n := 0
	for _, c := range h.callers(t) {
		for _, query := range []string{"x=/public/a", "/public", "x=/healthz", "/../public", "x=%2fpublic", "x=%2e%2e%2fpublic", "?/public", "x=https://api.example.com/public/x", "public=1&x=/public/x", "x=..", "&", "x=\\", "x=%23/public", "x=/%61dmin"} {
			n++
			before := h.up.count()
			g := c.do(ask{target: "/admin/users?" + query})
			d := h.said.of(t, g)
			if g.status != 401 && (g.status != 400 || d.EndedBy != "wire") || h.up.count() != before {
				t.Errorf("%s %s: %d, decided on %+v", c.name(), query, g.status, d)
			}
		}
	}
	counted(t, n, 42)
	list := []string{"/x?q=1;q=2", "/x?q=%zz", "/x?q=%", "/x?q=%4", "/x?q=%00", "/x?q=%ff", "/x?q=%c0%af", "/x?q=\"", "/x?q=<a>", `/x?q=\`, "/admin/users?x=1;x=2", "/x?q=%ed%a0%80"}
	counted(t, h.refuse(t, targets("", list...)), 72)
}

// readings is every path that some careless reader could make of a target.
func readings(target string) []string {
	target, _, _ = strings.Cut(target, "?")
	out := []string{target}
	add := func(f func(string) string) {
		for _, s := range slices.Clone(out) {
			out = append(out, f(s))
		}
	}
	for range 2 {
		add(func(s string) string {
			if u, err := url.PathUnescape(s); err == nil {
				return u
			}
			return s
		})
	}
	add(func(s string) string { return strings.ReplaceAll(s, `\`, "/") })
	add(func(s string) string {
		segments := strings.Split(s, "/")
		for i := range segments {
			segments[i], _, _ = strings.Cut(segments[i], ";")
		}
		return strings.Join(segments, "/")
	})
	add(func(s string) string { s, _, _ = strings.Cut(s, "\x00"); return s })
	add(func(s string) string { s, _, _ = strings.Cut(s, "#"); return s })
	add(func(s string) string { return path.Clean("/" + s) })
	return out
}

// TestR1_NoReaderOfWhatLeaves sends random spellings without a token: whatever
// reaches the upstream is the protected path to none of a set of careless readers.
func TestR1_NoCarelessReaderOfWhatLeavesFindsTheProtectedPath(t *testing.T) {
	h := open(t, options{})
	r := rand.New(rand.NewPCG(1, 2026))
	pieces := []string{"/", "/", "admin", "users", "public", "..", ".", "%2e", "%2F", "%5c", `\`, ";", "%25", "%61dmin", "x", "%00", "//", "?", "#", "%252e", "%2", "ADMIN", "%C0%AF", "..;", "%3f"}
	reached, refused := 0, 0
	cs := h.callers(t)
	for i := range 6000 {
		var b strings.Builder
		b.WriteByte('/')
		for range 1 + r.IntN(7) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		before := h.up.count()
		c := cs[i%len(cs)]
		g := c.do(ask{target: b.String()})
		if h.up.count() == before {
			refused++
			if g.status < 400 && (c.name() != "h2" || g.err == nil) { // a stream may be reset instead
				t.Errorf("%s %s: %d without the upstream: %v", c.name(), b.String(), g.status, g.err)
			}
			continue
		}
		reached++
		for _, p := range readings(h.up.last().target) {
			if strings.HasPrefix(p+"/", "/admin/users/") {
				t.Fatalf("%s reached the upstream as %s, which can be read as %s", b.String(), h.up.last().target, p)
			}
		}
	}
	if reached < 100 || refused < 1000 {
		t.Errorf("only %d reached and %d were refused: the test has lost its teeth", reached, refused)
	}
	t.Logf("figure protected path read from what left 0/0 of %d, %d refused", reached, refused)
}
