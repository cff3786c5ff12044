package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// plain is text that YAML reads as itself wherever a value may stand.
var plain = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./-]*$`)

// quote writes text for YAML. Descriptions are foreign: nothing of them gets
// into the file but as one quoted value (R47).
func quote(s string) string {
	switch strings.ToLower(s) {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n":
	default:
		if plain.MatchString(s) {
			return s
		}
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		return `""`
	}
	out := strings.TrimSuffix(b.String(), "\n")
	return strings.Map(func(c rune) rune {
		if c < 0x20 || c >= 0x7f && c < 0xa0 || c >= 0x2028 && c <= 0x202e || c >= 0x2066 && c <= 0x2069 || c == 0xfeff {
			return '?'
		}
		return c
	}, out)
}

func address(s string) string {
	if strings.ContainsAny(s, "#\"'{}[],&*!|>%@` \t\\") || !strings.Contains(s, "://") {
		return quote(s)
	}
	return s
}

// yaml writes the configuration.
func (d *draft) yaml() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Written by gatehouse init. Everything that is not here is on, with safe defaults.")
	line("# Check it with: gatehouse check")
	line("listen:")
	line("  address: 127.0.0.1:8443               # other machines need tls: {cert: chain.pem, key: key.pem}")
	if d.issuer == "self" {
		line("idp:")
		line("  issuer: https://login.example.com     # our own authorization server: where people and clients reach this gateway")
	}
	line("apis:")
	line("  %s:", d.name)
	line("    openapi: %s", quote(d.path))
	line("    upstream: %s", address(d.upstream))
	line("    issuer: %s  # who issues the access tokens: any OpenID provider, or self: our own", address(d.issuer))
	line("    audience: %s  # what the tokens' aud must hold", quoteAudience(d.audience))
	line("    # origins: [https://app.example.com]  # browser applications that may ask")
	d.writeObjects(line)
	d.writeRoles(line)
	d.writePublic(line)
	return b.String()
}

func quoteAudience(s string) string {
	if strings.Contains(s, "://") {
		return address(s)
	}
	return quote(s)
}

func (d *draft) writeObjects(line func(string, ...any)) {
	if !offers("object") {
		return
	}
	if len(d.objects) > 0 {
		line("    objects:                            # guessed from the replies: who owns what")
	}
	for _, g := range d.objects {
		owner := "id: path." + g.param + ", owner: response." + g.owner
		if g.tenant != "" {
			owner += ", tenant: response." + g.tenant
		}
		line("      %s: {%s}", quote(g.name), owner)
	}
	if len(d.unowned) == 0 {
		return
	}
	until := d.now.AddDate(0, 0, draftDays).Format(time.DateOnly)
	line("    # An id in the path, and nothing says whose it is: whoever has the role user may read all of these, until you")
	line("    # write an object for them (objects: {order: {id: path.orderId, owner: response.customer_id}}) or take the role away.")
	line("    no_object:")
	for _, id := range d.unowned {
		line("      %s: {because: \"drafted: nobody has said yet whose this is\", owner: you@example.com, until: %s}", quote(id), until)
	}
}

// draftDays is how long a draft's own waivers last: long enough to look at it.
const draftDays = 90

func (d *draft) writeRoles(line func(string, ...any)) {
	if !offers("role") || len(d.admin)+len(d.user)+len(d.closed) == 0 {
		return
	}
	if len(d.admin)+len(d.user) > 0 {
		line("    roles:                              # what nobody grants is refused")
	}
	for _, r := range []struct {
		name, says string
		grants     []string
	}{{"user", "never reaches admin functions", d.user}, {"admin", "looks like admin functions: each by name", d.admin}} {
		if len(r.grants) == 0 {
			continue
		}
		line("      %s:                             # %s", r.name, r.says)
		for _, g := range r.grants {
			line("        - %s", quote(g))
		}
	}
	if len(d.closed) > 0 {
		line("      # Closed: these write, and nothing says whose they are. Name an object above, or grant them to a role, which then reaches all.")
	}
	for _, id := range d.closed {
		line("      #   - %s", quote(id))
	}
}

func (d *draft) writePublic(line func(string, ...any)) {
	if len(d.public) == 0 {
		return
	}
	until := d.now.AddDate(0, 6, 0).Format(time.DateOnly)
	line("    # public:                           # without a token, if you say why")
	for _, id := range d.public {
		line("    #   %s: {because: \"liveness answer for the monitors\", owner: you@example.com, until: %s}", quote(id), until)
	}
}
