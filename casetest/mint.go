package casetest

import (
	"encoding/hex"
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/devissuer"
)

// mint makes what the placeholders of a case's requests stand for. What must be the
// same each time is kept.
type mint struct {
	t      testing.TB
	c      *Case
	issuer *devissuer.Issuer
	keys   map[string]*devissuer.Prover
	made   map[string]string
}

func newMint(t testing.TB, c *Case, issuer *devissuer.Issuer) *mint {
	return &mint{t: t, c: c, issuer: issuer, keys: map[string]*devissuer.Prover{}, made: map[string]string{}}
}

var placeholder = regexp.MustCompile(`\$\{(TOKEN ([a-z0-9_-]+)|REPEAT ([0-9]+) (.)|HEX ([0-9a-f]+)|PROOF ([a-z0-9_-]+))\}`)

// write mints the tokens and proofs that a request names and writes out repetitions
// and bytes.
func (m *mint) write(s string) string {
	return placeholder.ReplaceAllStringFunc(s, func(p string) string {
		switch sub := placeholder.FindStringSubmatch(p); {
		case sub[3] != "":
			var n int
			_, _ = fmt.Sscan(sub[3], &n)
			return strings.Repeat(sub[4], n)
		case sub[5] != "":
			b, _ := hex.DecodeString(sub[5])
			return string(b)
		case sub[6] != "":
			return m.proof(sub[6])
		default:
			return m.token(sub[2])
		}
	})
}

var moment = regexp.MustCompile(`\$\{NOW([+-][0-9]+)?\}`)

// now writes the present second, or one so many seconds away.
func now(s string) string {
	away, _ := strconv.ParseInt(moment.FindStringSubmatch(s)[1], 10, 64)
	return strconv.FormatInt(time.Now().Unix()+away, 10)
}

func (m *mint) token(name string) string {
	if made := m.made["token "+name]; made != "" {
		return made
	}
	k := m.c.Tokens[name]
	if k.Subject == "" {
		k.Subject = name
	}
	k.Set = maps.Clone(k.Set)
	for claim, value := range k.Set {
		k.Set[claim] = moment.ReplaceAllStringFunc(value, now)
	}
	c := devissuer.Claims{Subject: k.Subject, Tenant: k.Tenant, Client: k.Client, Roles: k.Roles, Scopes: k.Scopes, Set: k.Set, Header: k.Header}
	if k.Key == "" {
		return m.issuer.Mint(c)
	}
	c.Set = map[string]string{"cnf": m.key(k.Key).Confirmation()}
	maps.Copy(c.Set, k.Set)
	m.made["token "+name] = m.issuer.Mint(c)
	return m.made["token "+name]
}

func (m *mint) proof(name string) string {
	p, ok := m.c.Proofs[name]
	if !ok {
		m.t.Fatalf("no proof %q", name)
	}
	if m.made["proof "+name] == "" {
		what := devissuer.Proof{Method: p.Method, URL: p.URL, Set: p.Set, Header: p.Header}
		if p.Token != "" {
			what.Token = m.token(p.Token)
		}
		m.made["proof "+name] = m.key(p.Key).Prove(what)
	}
	return m.made["proof "+name]
}

func (m *mint) key(name string) *devissuer.Prover {
	if m.keys[name] == nil {
		p, err := devissuer.NewProver()
		if err != nil {
			m.t.Fatal(err)
		}
		m.keys[name] = p
	}
	return m.keys[name]
}
