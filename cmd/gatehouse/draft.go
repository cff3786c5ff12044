package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// guess is an object that the description seems to speak of: what is under
// /orders/{orderId} and says in its reply whose it is.
type guess struct {
	name          string
	param         string
	owner, tenant string // members of the reply, or ""
	operations    []string
}

// Names that members which say whose an object is have, the likeliest first.
func ownerNames() []string {
	return []string{"owner_id", "customer_id", "user_id", "account_id", "ownerId", "customerId", "userId", "accountId"}
}

func tenantNames() []string {
	return []string{"tenant_id", "org_id", "organization_id", "tenantId", "orgId", "organizationId"}
}

// guessObjects looks at every GET /x/{id} whose reply names an owner.
func (d *draft) guessObjects() {
	taken := map[string]bool{}
	for _, op := range d.doc.Operations {
		base, param, ok := item(op.Template())
		if !ok || op.Method() != "GET" || !offers("object") {
			continue
		}
		members := replyMembers(op)
		g := guess{param: param, owner: first(ownerNames(), members, param), tenant: first(tenantNames(), members, param)}
		if g.owner == "" || strings.Contains(base, "{") {
			continue
		}
		g.name = singular(base[strings.LastIndexByte(base, '/')+1:])
		if g.name == "" || taken[g.name] {
			continue
		}
		taken[g.name] = true
		for _, o := range d.doc.Operations {
			if o.Template() == op.Template() {
				g.operations = append(g.operations, o.ID())
			}
		}
		d.objects = append(d.objects, g)
	}
}

// item cuts "/v1/orders/{orderId}" into "/v1/orders" and "orderId".
func item(template string) (base, param string, ok bool) {
	i := strings.LastIndexByte(template, '/')
	last := template[i+1:]
	if i <= 0 || len(last) < 3 || last[0] != '{' || strings.IndexByte(last, '}') != len(last)-1 {
		return "", "", false
	}
	return template[:i], last[1 : len(last)-1], true
}

// replyMembers lists the members of an operation's good reply.
func replyMembers(op *openapi.Operation) []string {
	r := op.Response(200)
	if r == nil {
		return nil
	}
	m := openapi.Match(r.Content, "application/json")
	if m == nil || m.Schema == nil {
		return nil
	}
	return m.Schema.Properties()
}

func first(names, members []string, not string) string {
	for _, n := range names {
		if n != not && slices.Contains(members, n) {
			return n
		}
	}
	return ""
}

func singular(word string) string {
	switch {
	case !plain.MatchString(word):
		return ""
	case strings.HasSuffix(word, "ies"):
		return strings.TrimSuffix(word, "ies") + "y"
	case strings.HasSuffix(word, "sses"), strings.HasSuffix(word, "xes"):
		return strings.TrimSuffix(word, "es")
	}
	return strings.TrimSuffix(word, "s")
}

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
	line("apis:")
	line("  %s:", d.name)
	line("    openapi: %s", quote(d.path))
	line("    upstream: %s", address(d.upstream))
	line("    issuer: %s  # who issues the access tokens: any OpenID provider", address(d.issuer))
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
}

func (d *draft) writeRoles(line func(string, ...any)) {
	if !offers("role") || len(d.admin)+len(d.user) == 0 {
		return
	}
	line("    roles:                              # what nobody grants is refused")
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
}

func (d *draft) writePublic(line func(string, ...any)) {
	if len(d.public) == 0 {
		return
	}
	until := d.now.AddDate(0, 6, 0).Format("2006-01-02")
	line("    # public:                           # without a token, if you say why")
	for _, id := range d.public {
		line("    #   %s: {because: \"liveness answer for the monitors\", owner: you@example.com, until: %s}", quote(id), until)
	}
}
