package jwt

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jose"
)

// levelNames are the levels by which an issuer's acr is configured, from 1.
var levelNames = [...]string{"", "aal1", "aal2", "aal3"}

// ownLevels are the values of acr of our own authorization server.
var ownLevels = newLevels(map[string][]string{"aal1": {"aal1"}, "aal2": {"aal2"}, "aal3": {"aal3"}})

// levels says what an issuer's acr stands for.
type levels struct {
	of  map[string]uint8
	ask [len(levelNames)]string
}

// newLevels returns nil where nothing is said.
func newLevels(named map[string][]string) *levels {
	if len(named) == 0 {
		return nil
	}
	l := &levels{of: map[string]uint8{}}
	for level, name := range levelNames {
		for _, acr := range named[name] {
			l.of[acr] = uint8(level)
		}
		if acrs := named[name]; len(acrs) > 0 {
			l.ask[level] = acrs[0]
		}
	}
	for level := len(l.ask) - 2; level > 0; level-- { // a higher one does, where the issuer has no other
		if l.ask[level] == "" {
			l.ask[level] = l.ask[level+1]
		}
	}
	return l
}

// assurance reads acr and auth_time. What cannot be read proves nothing, and does not
// make the token a bad one: issuers write many things there.
func (l *levels) assurance(claims jose.Object) (a gatehouse.Assurance) {
	if at, ok, err := claims.Seconds("auth_time"); ok && err == nil && at > 0 {
		a.At = time.Unix(at, 0)
	}
	if l != nil {
		a.Ask = &l.ask
		if acr, err := claims.Text("acr"); err == nil {
			a.Level = l.of[acr]
		}
	}
	return a
}

// checkLevels refuses levels that do not exist, values that could not be asked for
// (they are separated by spaces, and stand in a quoted string), and values that stand
// for two levels.
func (i Issuer) checkLevels(fault func(key, says, fix string)) {
	const fix = "assurance: {aal2: [\"urn:example:mfa\"]}"
	seen := map[string]bool{}
	for name, acrs := range i.Assurance {
		if !slices.Contains(levelNames[1:], name) {
			fault("assurance."+name, "is no level", fix)
		}
		if len(acrs) == 0 {
			fault("assurance."+name, "no value of acr stands for it", fix)
		}
		for _, acr := range acrs {
			if acr == "" || strings.ContainsFunc(acr, func(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' }) {
				fault("assurance."+name, fmt.Sprintf("%q is no value of acr that could be asked for", acr), fix)
			}
			if seen[acr] {
				fault("assurance."+name, fmt.Sprintf("%q is here twice", acr), fix)
			}
			seen[acr] = true
		}
	}
}
