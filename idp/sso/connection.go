package sso

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Connection is one tenant's way to its own identity provider.
type Connection struct {
	Name   string // in URLs and in the log: lower-case letters, digits and hyphens
	Title  string // that people read: "Continue with ..."
	Tenant string // of everybody whom it signs in; "" is those who have none
	// Domains are those of e-mail addresses by which people find the connection, in
	// lower case. People are made (Provision) with addresses in these only.
	Domains []string
	// Listed shows the connection to everybody on the page for signing in. Otherwise
	// it is found by its domains alone, so that the page is no list of tenants.
	Listed    bool
	Provision bool   // people who are not there yet are made; otherwise nobody is
	Roles     *Roles // nil: roles are what operators gave, the provider has no say
	Assurance Assurance
	// Session is how long a session lasts: [MaxSession] for 0, and never more.
	Session time.Duration
	// SignOut sends who signs out here to the provider, to be signed out there, too. It
	// is for a protocol that is an [Ender].
	SignOut  bool
	Protocol Protocol
}

// Roles say which roles follow from what the provider says about a person.
type Roles struct {
	Attribute string              // the name of a claim or attribute
	Map       map[string][]string // from its values to roles
}

// Assurance is what a connection vouches for. Its zero value is one factor.
type Assurance struct {
	// ACR are the provider's names for two factors or better, of which an identity
	// must have one.
	ACR []string
	// AMR are methods of which an identity must have at least one, as in [mfa].
	AMR []string
}

var connectionName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)

// NameOK reports whether a connection may have that name: 1 to 40 lower-case
// letters, digits and hyphens, none of them at an end.
func NameOK(name string) bool { return connectionName.MatchString(name) }

// Check returns an error for a connection that makes no sense.
func (c *Connection) Check() error {
	switch {
	case !NameOK(c.Name):
		return fmt.Errorf("sso: %q is no name of a connection: lower-case letters, digits and hyphens, 40 at most", c.Name)
	case c.Protocol == nil:
		return fmt.Errorf("sso: connection %s: no protocol", c.Name)
	case c.Session < 0 || c.Session > MaxSession:
		return fmt.Errorf("sso: connection %s: a session lasts at most %s", c.Name, MaxSession)
	case c.Roles != nil && c.Roles.Attribute == "":
		return fmt.Errorf("sso: connection %s: roles follow from a claim or attribute", c.Name)
	}
	return nil
}

// RolesOf returns the roles that the provider's words lead to, sorted: those that
// are mapped, and no others. mapped is false where the connection has no say.
func (c *Connection) RolesOf(i *Identity) (roles []string, mapped bool) {
	if c.Roles == nil {
		return nil, false
	}
	for _, value := range i.Attributes[c.Roles.Attribute] {
		roles = append(roles, c.Roles.Map[value]...)
	}
	slices.Sort(roles)
	return slices.Compact(roles), true
}

// CanVouch reports whether the connection may ever vouch for two factors.
func (a *Assurance) CanVouch() bool { return len(a.ACR)+len(a.AMR) > 0 }

// Two reports whether the provider vouched for two factors in the way that the
// connection was configured to believe. Where both are configured both must hold.
func (a *Assurance) Two(i *Identity) bool {
	acr := len(a.ACR) == 0 || slices.Contains(a.ACR, i.ACR)
	amr := len(a.AMR) == 0 || slices.ContainsFunc(i.AMR, func(m string) bool { return slices.Contains(a.AMR, m) })
	return a.CanVouch() && acr && amr
}

// Until is when a session ends that begins now, however it is used: never later
// than the connection allows, nor than the provider does (session.max-8h).
func (c *Connection) Until(at time.Time, i *Identity) time.Time {
	life := c.Session
	if life <= 0 || life > MaxSession {
		life = MaxSession
	}
	end := at.Add(life)
	if !i.NotOnOrAfter.IsZero() && i.NotOnOrAfter.Before(end) {
		end = i.NotOnOrAfter
	}
	return end
}

// Connections are all that there are. They do not change.
type Connections struct {
	list   []*Connection
	domain map[string]*Connection
}

// NewConnections checks the list and puts it in order.
func NewConnections(list []Connection) (*Connections, error) {
	cs := &Connections{domain: map[string]*Connection{}}
	for i := range list {
		c := &list[i]
		if err := c.Check(); err != nil {
			return nil, err
		}
		if cs.ByName(c.Name) != nil {
			return nil, fmt.Errorf("sso: there are two connections %s", c.Name)
		}
		if c.Title == "" {
			c.Title = c.Name
		}
		cs.list = append(cs.list, c)
		for _, d := range c.Domains {
			if other := cs.domain[d]; other != nil {
				return nil, fmt.Errorf("sso: the domain %s leads to %s and to %s", d, other.Name, c.Name)
			}
			cs.domain[d] = c
		}
	}
	slices.SortFunc(cs.list, func(a, b *Connection) int { return strings.Compare(a.Title, b.Title) })
	return cs, nil
}

// Close waits for what the protocols are fetching. None of them may be used
// afterwards.
func (cs *Connections) Close() {
	for _, c := range cs.list {
		if closer, ok := c.Protocol.(interface{ Close() }); ok {
			closer.Close()
		}
	}
}

// Any reports whether there is a connection at all.
func (cs *Connections) Any() bool { return cs != nil && len(cs.list) > 0 }

// ByName returns the connection with that name, or nil.
func (cs *Connections) ByName(name string) *Connection {
	if cs == nil {
		return nil
	}
	for _, c := range cs.list {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// ByAddress returns the connection of an e-mail address's domain, or nil. The
// address is in its canonical spelling. The answer is the same for every address of
// a domain: it says nothing about who has an account.
func (cs *Connections) ByAddress(address string) *Connection {
	_, domain, _ := strings.Cut(address, "@")
	if cs == nil || domain == "" {
		return nil
	}
	return cs.domain[domain]
}

// HasDomains reports whether there is a connection that is found by an address.
func (cs *Connections) HasDomains() bool { return cs != nil && len(cs.domain) > 0 }

// Listed returns the connections that everybody may see, in the order of their
// titles.
func (cs *Connections) Listed() (list []*Connection) {
	if cs == nil {
		return nil
	}
	for _, c := range cs.list {
		if c.Listed {
			list = append(list, c)
		}
	}
	return list
}

// Path is where the browser finds what belongs to a connection, below the issuer:
// "callback" for the answers of its provider, "metadata" for what it is told of us.
func Path(connection, what string) string { return "/account/sso/" + connection + "/" + what }
