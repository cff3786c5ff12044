package config

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/engine"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// Level says how grave a finding is.
type Level string

// The levels. A configuration with an error is not served.
const (
	LevelError   Level = "error"
	LevelWarning Level = "warning"
	LevelNote    Level = "note"
)

// Finding is one thing that a check has to say about a configuration.
type Finding struct {
	Level  Level
	Error  // where, what, and what to write instead
	Covers gatehouse.Requirement
}

// Lint returns what can be said about a configuration that loads and compiles:
// errors for what must not be served, warnings for what weakens it, notes for
// what the descriptions leave open. p is what [File.Policy] returned.
func (f *File) Lint(p *engine.Policy) []Finding {
	l := &linter{File: f, report: newReport(f.Path, f.text), policy: p}
	l.transport()
	for _, a := range f.APIs {
		l.upstream(a)
		l.functions(a)
		l.grants(a)
		l.bounds(a)
	}
	l.ending()
	slices.SortStableFunc(l.out, func(a, b Finding) int {
		rank := []Level{LevelError, LevelWarning, LevelNote}
		if d := slices.Index(rank, a.Level) - slices.Index(rank, b.Level); d != 0 {
			return d
		}
		return comparePlaces(a.Place, b.Place)
	})
	return l.out
}

type linter struct {
	*File
	*report
	policy *engine.Policy
	out    []Finding
}

func (l *linter) say(level Level, covers gatehouse.Requirement, at gatehouse.Place, key, says, fix string) {
	l.out = append(l.out, Finding{level, Error{Place: at, Key: key, Says: says, Fix: fix, Line: l.shown(at)}, covers})
}

// at is the place of an API's key, or of its name.
func (l *linter) at(a *API, key string) gatehouse.Place {
	if n := find(a.node, key); n != a.node {
		return l.place(n.Line, n.Column)
	}
	return a.Place
}

// transport judges the listener.
func (l *linter) transport() {
	first := gatehouse.Place{File: l.Path, Line: 1, Col: 1}
	if l.Development {
		l.say(LevelWarning, "crypto.kms", first, "environment", "this configuration is for development", "environment: production")
	}
	t := l.Listen.TLS
	if t == nil {
		return
	}
	if _, err := tls.LoadX509KeyPair(t.Cert, t.Key); err != nil {
		l.say(LevelError, "tls.min", first, "listen.tls", "the certificate cannot be used: "+cause(err), "tls: {cert: chain.pem, key: key.pem}  (PEM files that belong together)")
	}
}

// upstream warns of plain http that crosses a network which is not ours.
func (l *linter) upstream(a *API) {
	if a.Upstream.Scheme != "http" {
		return
	}
	to, _ := splitAddress(a.Upstream.Address)
	ip, err := netip.ParseAddr(to.host)
	if loopback(to.host) || err == nil && ip.Unmap().IsPrivate() || err != nil && !strings.Contains(to.host, ".") ||
		strings.HasSuffix(to.host, ".internal") || strings.HasSuffix(to.host, ".local") || strings.HasSuffix(to.host, ".svc") {
		return
	}
	l.say(LevelWarning, "tls.min", l.at(a, "upstream"), join(a.key, "upstream"),
		"requests travel in plain text to "+a.Upstream.Address, "upstream: https://"+to.host)
}

// functions refuses admin functions that no role was named for
// (authz.function, admin.separate).
func (l *linter) functions(a *API) {
	for _, op := range a.description.document.Operations {
		word := AdminLooking(op)
		if word == "" {
			continue
		}
		if w := a.Public[op.ID()]; w != nil {
			l.say(LevelWarning, "authn.internal-too", w.Place, join(a.key, "public."+op.ID()), op.ID()+" looks like an admin function ("+word+") and is public", "a role: roles: {admin: ["+op.ID()+"]}")
			continue
		}
		holders := a.roles(op.ID()).named(op.ID())
		switch {
		case len(holders) == 0:
			l.say(LevelError, "authz.function", l.at(a, "roles"), join(a.key, "roles"), op.ID()+" looks like an admin function ("+word+") and no role is named for it", "roles: {admin: ["+op.ID()+"]}")
		case slices.Contains(holders, "authenticated") || slices.Contains(holders, "*"):
			l.say(LevelError, "authz.function", l.at(a, "roles"), join(a.key, "roles"), op.ID()+" looks like an admin function ("+word+") and every caller may use it", "roles: {admin: ["+op.ID()+"]}")
		}
	}
}

// AdminLooking returns the word for which an operation looks like an admin
// function: "admin", "internal" or "debug" as a path segment, a word of the
// operationId, or a tag. It returns "" when nothing does.
func AdminLooking(op *openapi.Operation) string {
	words := strings.FieldsFunc(op.Template(), func(c rune) bool { return c == '/' || c == '-' || c == '_' || c == '.' })
	if id := op.ID(); !strings.Contains(id, "/") {
		words = append(words, camel(id)...)
	}
	for _, t := range op.Tags {
		words = append(words, strings.FieldsFunc(t, func(c rune) bool { return c == ' ' || c == '-' || c == '_' || c == '/' })...)
	}
	for _, w := range words {
		switch w = strings.ToLower(w); w {
		case "admin", "internal", "debug":
			return w
		}
	}
	return ""
}

// camel cuts an operationId into words: "listAdminUsers", "list_admin-users"
// and "admin/users" all hold the word admin.
func camel(s string) []string {
	var out []string
	start := 0
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '_' || c == '-' || c == '.' || c == '/' || c == ' ':
			out = append(out, s[start:i])
			start = i + 1
		case c >= 'A' && c <= 'Z' && i > start && !(s[i-1] >= 'A' && s[i-1] <= 'Z'):
			out = append(out, s[start:i])
			start = i
		}
	}
	return append(out, s[start:])
}

// roleTable is what stands under roles, read from the tree: the lint knows no
// control, and what it cannot read the control has refused.
type roleTable []roleEntry

type roleEntry struct{ role, grants string }

func (a *API) roles(operation string) roleTable {
	var out roleTable
	for _, b := range a.controls(operation) {
		if b.kind.Name != "role" || b.set.Mode == gatehouse.Off {
			continue
		}
		_, roles := lookup(b.node, "roles")
		for role, list := range pairs(roles) {
			items := list.Content
			if list.Kind == yaml.ScalarNode {
				items = []*yaml.Node{list}
			}
			for _, g := range items {
				out = append(out, roleEntry{role.Value, g.Value})
			}
		}
	}
	return out
}

// named returns the roles that name the operation itself.
func (t roleTable) named(operation string) []string {
	var out []string
	for _, e := range t {
		if e.grants == operation {
			out = append(out, e.role)
		}
	}
	return out
}

// grants reports whether some role reaches the operation, by name, tag or
// prefix.
func (t roleTable) grants(op *openapi.Operation) bool {
	for _, e := range t {
		prefix, wild := strings.CutSuffix(e.grants, "*")
		tag, tagged := strings.CutPrefix(e.grants, "tag:")
		if e.grants == op.ID() || wild && strings.HasPrefix(op.ID(), prefix) || tagged && slices.Contains(op.Tags, tag) {
			return true
		}
	}
	return false
}

// grants notes operations that nobody may use. What the other controls of
// Authorize grant is not known here: an operation that has one is left out.
func (l *linter) grants(a *API) {
	mayGrant := map[string]bool{}
	for _, s := range l.policy.Sites() {
		for _, e := range s.Endpoints {
			if e.API != a.Name || !e.Declared {
				continue
			}
			for _, step := range e.Plan.Steps {
				if step.Stage == gatehouse.Authorize && step.Control != "role" && step.Control != "granted" {
					mayGrant[e.Name] = true
				}
			}
		}
	}
	var closed []string
	for _, op := range a.description.document.Operations {
		id := op.ID()
		if a.Public[id] == nil && !mayGrant[id] && AdminLooking(op) == "" && !a.roles(id).grants(op) {
			closed = append(closed, id)
		}
	}
	if len(closed) > 0 {
		l.say(LevelNote, "authz.role", l.at(a, "roles"), join(a.key, "roles"),
			fmt.Sprintf("%s closed to everyone, since no role or object grants: %s", plural(len(closed), "operation is", "operations are"), some(closed)),
			"roles: {user: ["+closed[0]+"]}")
	}
}

// bounds notes what the description leaves unbounded.
func (l *linter) bounds(a *API) {
	var pages []string
	var at gatehouse.Place
	for _, op := range a.description.document.Operations {
		for _, p := range op.Parameters {
			if p.In == "query" && pageSize(p.Name) && p.Schema != nil && !p.Schema.Bounded() {
				if len(pages) == 0 {
					at = gatehouse.Place{File: p.Place.File, Line: p.Place.Line, Col: 1}
				}
				pages = append(pages, op.ID()+" "+p.Name)
			}
		}
	}
	if len(pages) > 0 {
		l.say(LevelNote, "input.pagination", at, a.Name,
			fmt.Sprintf("%s no maximum in the description: %s", plural(len(pages), "page size has", "page sizes have"), some(pages)), "maximum: 100")
	}
	l.described(a)
}

// described passes on what the loader of descriptions found, one finding for
// each sort.
func (l *linter) described(a *API) {
	type sort struct {
		says  string
		count int
		first gatehouse.Place
		wall  bool
	}
	var sorts []*sort
	for _, f := range a.description.document.Findings {
		i := slices.IndexFunc(sorts, func(s *sort) bool { return s.says == f.Says })
		if i < 0 {
			i = len(sorts)
			sorts = append(sorts, &sort{says: f.Says, first: gatehouse.Place{File: f.Place.File, Line: f.Place.Line, Col: 1}, wall: f.Unsupported})
		}
		sorts[i].count++
	}
	for i, s := range sorts {
		if i == maxErrors {
			break
		}
		level, fix := LevelNote, "the bound in the description"
		if s.wall {
			level, fix = LevelWarning, "a description without it: values there are refused"
		}
		says := s.says
		if s.count > 1 {
			says = fmt.Sprintf("%s (%d times)", says, s.count)
		}
		l.say(level, "input.openapi", s.first, a.Name, says, fix)
	}
}

// pageSize reports whether a query parameter's name is one that page sizes have.
func pageSize(name string) bool {
	switch strings.ToLower(strings.NewReplacer("_", "", "-", "", "[", "", "]", "").Replace(name)) {
	case "limit", "perpage", "pagesize", "pagelimit", "maxresults", "maxitems", "take", "top", "first", "size", "count":
		return true
	}
	return false
}

// ending warns of waivers in their last month.
func (l *linter) ending() {
	const soon = 30
	for _, w := range l.Waivers() {
		if w.Waiver.Until.Before(l.options.Now().AddDate(0, 0, soon)) {
			l.say(LevelWarning, "audit.checklist", w.Waiver.Place, w.Key, "the waiver ends on "+w.Waiver.Until.Format("2006-01-02")+"; on the next day this configuration does not load", "a later day, or the configuration without the waiver")
		}
	}
}

func plural(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}

// some lists the first names.
func some(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}
