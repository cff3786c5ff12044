package sso

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// silent is a protocol that is never spoken.
type silent struct{}

func (silent) Begin(context.Context, Start) (Departure, error)  { return Departure{}, ErrUnavailable }
func (silent) Handle(url.Values) string                         { return "" }
func (silent) Finish(context.Context, Answer) (Identity, error) { return Identity{}, ErrAnswer }

func TestASessionOfAProviderEndsAfterEightHoursAtMost(t *testing.T) { // session.max-8h
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		configured   time.Duration
		notOnOrAfter time.Time
		want         time.Duration
	}{
		{0, time.Time{}, 8 * time.Hour},
		{time.Hour, time.Time{}, time.Hour},
		{24 * time.Hour, time.Time{}, 8 * time.Hour},
		{-time.Hour, time.Time{}, 8 * time.Hour},
		{0, now.Add(10 * time.Minute), 10 * time.Minute},
		{0, now.Add(24 * time.Hour), 8 * time.Hour},
		{time.Hour, now.Add(2 * time.Hour), time.Hour},
	} {
		conn := Connection{Session: c.configured}
		if got := conn.Until(now, &Identity{NotOnOrAfter: c.notOnOrAfter}).Sub(now); got != c.want {
			t.Errorf("%s configured, the provider says %s: %s; want %s", c.configured, c.notOnOrAfter, got, c.want)
		}
	}
	long := Connection{Name: "acme", Protocol: silent{}, Session: MaxSession + time.Second}
	if err := long.Check(); err == nil || !strings.Contains(err.Error(), "8h") {
		t.Errorf("a session longer than 8 hours is taken: %v", err)
	}
}

func TestOnlyMappedRolesAreGiven(t *testing.T) {
	c := Connection{Roles: &Roles{Attribute: "groups", Map: map[string][]string{"eng-admins": {"admin", "user"}, "eng": {"user"}}}}
	for _, i := range []struct {
		groups []string
		want   string
	}{
		{[]string{"eng", "eng-admins"}, "admin user"},
		{[]string{"admin"}, ""}, // a group that is called like a role is none
		{[]string{"ENG"}, ""},
		{nil, ""},
	} {
		got, mapped := c.RolesOf(&Identity{Attributes: map[string][]string{"groups": i.groups, "roles": {"admin"}, "eng-admins": {"eng-admins"}}})
		if strings.Join(got, " ") != i.want || !mapped {
			t.Errorf("%v: %v; want %q", i.groups, got, i.want)
		}
	}
	if got, mapped := (&Connection{}).RolesOf(&Identity{Attributes: map[string][]string{"roles": {"admin"}}}); mapped || got != nil {
		t.Errorf("without a mapping: %v, %v", got, mapped)
	}
}

func TestTwoFactorsAreVouchedForOnlyAsConfigured(t *testing.T) {
	strong := Identity{ACR: "urn:two", AMR: []string{"pwd", "mfa"}}
	for name, c := range map[string]struct {
		a    Assurance
		i    Identity
		want bool
	}{
		"nothing is configured":              {Assurance{}, strong, false},
		"the acr is the one":                 {Assurance{ACR: []string{"urn:two"}}, strong, true},
		"the acr is another":                 {Assurance{ACR: []string{"urn:three"}}, strong, false},
		"there is no acr":                    {Assurance{ACR: []string{"urn:two"}}, Identity{}, false},
		"a method is one of them":            {Assurance{AMR: []string{"mfa", "hwk"}}, strong, true},
		"no method is one of them":           {Assurance{AMR: []string{"hwk"}}, strong, false},
		"both are asked for, one is missing": {Assurance{ACR: []string{"urn:two"}, AMR: []string{"hwk"}}, strong, false},
		"an empty acr is no acr":             {Assurance{ACR: []string{"urn:two"}}, Identity{AMR: []string{"mfa"}}, false},
	} {
		if got := c.a.Two(&c.i); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestAnAddressFindsItsConnectionByItsDomainAlone(t *testing.T) {
	cs, err := NewConnections([]Connection{
		{Name: "zeta", Title: "Zeta", Listed: true, Protocol: silent{}},
		{Name: "acme", Domains: []string{"acme.example", "acme.test"}, Protocol: silent{}},
		{Name: "beta", Title: "Beta", Listed: true, Protocol: silent{}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]string{
		"alice@acme.example": "acme", "nobody@acme.test": "acme", "alice@sub.acme.example": "", "acme.example": "", "": "", "alice@zeta": "",
	} {
		got := ""
		if c := cs.ByAddress(address); c != nil {
			got = c.Name
		}
		if got != want {
			t.Errorf("%q leads to %q, want %q", address, got, want)
		}
	}
	var listed []string
	for _, c := range cs.Listed() {
		listed = append(listed, c.Title)
	}
	if !slices.Equal(listed, []string{"Beta", "Zeta"}) {
		t.Errorf("listed are %v", listed)
	}
	if !cs.Any() || !cs.HasDomains() || cs.ByName("acme") == nil || cs.ByName("acme").Title != "acme" || cs.ByName("Acme") != nil {
		t.Error("the connections are not found")
	}
	var none *Connections
	if none.Any() || none.HasDomains() || none.ByName("acme") != nil || none.ByAddress("a@b.c") != nil || none.Listed() != nil {
		t.Error("no connections are some")
	}
}

func TestConnectionsThatMakeNoSenseAreRefused(t *testing.T) {
	good := Connection{Name: "acme", Protocol: silent{}}
	for name, change := range map[string]func(*Connection){
		"a name with a slash":  func(c *Connection) { c.Name = "a/b" },
		"a name in capitals":   func(c *Connection) { c.Name = "Acme" },
		"no name":              func(c *Connection) { c.Name = "" },
		"a hyphen at the end":  func(c *Connection) { c.Name = "acme-" },
		"no protocol":          func(c *Connection) { c.Protocol = nil },
		"roles from nothing":   func(c *Connection) { c.Roles = &Roles{} },
		"a session of 9 hours": func(c *Connection) { c.Session = 9 * time.Hour },
	} {
		c := good
		change(&c)
		if _, err := NewConnections([]Connection{c}); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if _, err := NewConnections([]Connection{good, good}); err == nil {
		t.Error("two of one name are taken")
	}
	other := Connection{Name: "other", Protocol: silent{}, Domains: []string{"acme.example"}}
	good.Domains = []string{"acme.example"}
	if _, err := NewConnections([]Connection{good, other}); err == nil {
		t.Error("two of one domain are taken")
	}
	if !NameOK("a") || !NameOK("acme-2") || NameOK(strings.Repeat("a", 41)) {
		t.Error("names are judged wrongly")
	}
	if Path("acme", "callback") != "/account/sso/acme/callback" {
		t.Error("the path of the callback has moved: providers have it registered")
	}
}
