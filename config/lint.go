package config

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/engine"
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
		l.members(a)
		l.objects(a)
		l.policies(a)
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

// functions warns of admin functions that need no caller. Those that need one
// are the role control's business (authz.function).
func (l *linter) functions(a *API) {
	for _, op := range a.description.operations {
		w := a.Public[op.ID()]
		if w == nil || !Administrative(l.kinds, op) {
			continue
		}
		l.say(LevelWarning, "authn.internal-too", w.Place, join(a.key, "public."+op.ID()),
			op.ID()+" looks like an administrator's function and is public", "roles: {admin: ["+op.ID()+"]}")
	}
}

// Administrative reports whether an operation looks like an administrator's
// function: whether the catalogue's role control refuses it when no role names
// it. The control is asked, so that there is one opinion in the house.
func Administrative(kinds []gatehouse.Kind, op gatehouse.Operation) bool {
	for _, k := range kinds {
		if k.Name == "role" {
			_, err := k.New().Compile(&gatehouse.Build{Operation: op, All: []gatehouse.Operation{op}})
			return err != nil
		}
	}
	return false
}

// grants notes operations that nobody may use: no control of Authorize has
// anything to say about them but the demand for scopes, which grants nothing.
func (l *linter) grants(a *API) {
	var closed []string
	seen := map[string]bool{}
	for _, s := range l.policy.Sites() {
		for _, e := range s.Endpoints {
			if e.API != a.Name || !e.Declared || e.Public != nil || seen[e.Name] {
				continue
			}
			seen[e.Name] = true
			if !slices.ContainsFunc(e.Plan.Steps, func(s gatehouse.Step) bool {
				return s.Stage == gatehouse.Authorize && s.Control != "granted" && s.Control != "scope"
			}) {
				closed = append(closed, e.Name)
			}
		}
	}
	if len(closed) > 0 {
		l.say(LevelNote, "authz.role", l.at(a, "roles"), join(a.key, "roles"),
			fmt.Sprintf("%s closed to everyone, since no role or object grants: %s", plural(len(closed), "operation is", "operations are"), some(closed)),
			"roles: {user: ["+closed[0]+"]}")
	}
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
