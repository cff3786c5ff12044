package config

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-api/gatehouse/internal/passkey"
	"github.com/gatehouse-api/gatehouse/internal/secret"
)

// People are the pages on which people prove themselves to our own authorization
// server: passwords, second factors, sessions.
type People struct {
	Product  string `yaml:"product"`  // the name that people see; default is the issuer's host
	Register bool   `yaml:"register"` // whoever has an e-mail address may make an account
	Mail     *Mail  `yaml:"mail"`     // how links are sent; without it nobody resets a password alone
	// Blocked names a file of passwords that are not taken, one a line.
	Blocked string            `yaml:"blocked_passwords"`
	Scopes  map[string]string `yaml:"scopes"` // what scopes permit, for people
	SSO     map[string]*SSO   `yaml:"sso"`    // connections to identity providers, by name
	// RPID is the domain that passkeys are for (WebAuthn's rp.id): the issuer's host,
	// which is the default, or a domain above it.
	RPID string `yaml:"rp_id"`
	// RequireSecondFactor says who is nobody without a second factor.
	RequireSecondFactor SecondFactor `yaml:"require_second_factor"`
}

// SecondFactor is who must have a second factor: those with one of these roles, or,
// written true, everybody.
type SecondFactor []string

// everybody is what true stands for.
const everybody = "*"

// UnmarshalText reads true and false.
func (s *SecondFactor) UnmarshalText(text []byte) error {
	switch string(text) {
	case "true":
		*s = SecondFactor{everybody}
	case "false":
		*s = nil
	default:
		return errors.New("expected true, or a list of roles")
	}
	return nil
}

// Everybody reports whether all must have one.
func (s SecondFactor) Everybody() bool { return slices.Contains(s, everybody) }

// Mail is how mail is sent: through a server, or, in development, into a folder.
type Mail struct {
	From     string      `yaml:"from"`
	Server   string      `yaml:"server"` // host:port; TLS always
	User     string      `yaml:"user"`
	Password secret.Text `yaml:"password"`
	Folder   string      `yaml:"folder"`
}

const samplePeople = "people: {mail: {server: \"smtp.example.com:465\", from: login@example.com, user: login, password: file:smtp.password}}"

// people judges the pages' block, and makes its paths absolute.
func (r *reader) people(n *yaml.Node, d *document, judge func(issuer, name string, s *SSOSAML) error) {
	p := d.IDP.People
	if p == nil {
		return
	}
	p.Blocked = beside(r.dir, p.Blocked)
	if p.RPID != "" {
		if err := passkey.Check(p.RPID, d.IDP.Issuer); err != nil {
			r.at(n, "idp.people.rp_id", fmt.Sprintf("browsers have no passkeys for %q on the pages of %s", p.RPID, d.IDP.Issuer),
				"rp_id: the issuer's host, a name of https, or a domain above it; or leave it out")
		}
	}
	if p.Register && p.Mail == nil {
		r.at(n, "idp.people.register", "whoever registers is asked by mail, and there is no mail", samplePeople)
	}
	if m := p.Mail; m != nil {
		r.mail(n, m, d.Environment)
	}
	r.sso(n, d, judge)
}

func (r *reader) mail(n *yaml.Node, m *Mail, environment string) {
	m.Folder = beside(r.dir, m.Folder)
	host, port, err := net.SplitHostPort(m.Server)
	local, domain, _ := strings.Cut(m.From, "@")
	switch {
	case (m.Server == "") == (m.Folder == ""):
		r.at(n, "idp.people.mail", "mail goes through a server or, in development, into a folder", samplePeople)
	case m.Folder != "" && environment != "development":
		r.at(n, "idp.people.mail.folder", "whoever reads this folder takes accounts over", samplePeople)
	case m.Server != "" && (err != nil || host == "" || port == ""):
		r.at(n, "idp.people.mail.server", fmt.Sprintf("%q is no host and port", m.Server), `server: "smtp.example.com:465"`)
	case (m.User == "") != m.Password.IsZero():
		r.at(n, "idp.people.mail", "a user and a password go together", samplePeople)
	case local == "" || domain == "" || strings.ContainsAny(m.From, " <>\r\n\t") || strings.Contains(domain, "@"):
		r.at(n, "idp.people.mail.from", fmt.Sprintf("%q is no e-mail address", m.From), "from: login@example.com")
	}
}
