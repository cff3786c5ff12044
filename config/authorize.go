package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/internal/policy"
	"github.com/gatehouse-api/gatehouse/internal/relations"
)

// The bounds of policies written by hand.
const (
	maxPolicyFile  = 1 << 20 // bytes
	maxPolicyFiles = 1000
)

// Authorization returns the API's policy: what its objects, roles, relations and
// policies written by hand say together. It is nil for an API that has none of
// them.
func (a *API) Authorization() *policy.Policy { return a.policy }

// PolicyFolders returns, by API, the folder that its policies stand in, where it has
// any.
func (f *File) PolicyFolders() map[string]string {
	out := map[string]string{}
	for _, a := range f.APIs {
		if dir := a.policyPath; filepath.Ext(dir) == ".cedar" {
			out[a.Name] = filepath.Dir(dir)
		} else if dir != "" {
			out[a.Name] = dir
		}
	}
	return out
}

// authorize compiles the API's authorization and hands it to the controls that
// decide by it.
func (r *reader) authorize(a *API) {
	m := r.model(a)
	r.speaking(a, &m)
	if len(r.list) > 0 || len(m.Objects) == 0 && len(m.Sources) == 0 && m.Relations == nil && m.Graph == nil {
		return
	}
	at := func(kind string) int {
		return slices.IndexFunc(a.blocks, func(b *block) bool { return b.kind.Name == kind })
	}
	var object *block
	if i := at("object"); i >= 0 {
		object = a.blocks[i]
	}
	if a.policy = r.compiled(a, m, object); a.policy == nil {
		return
	}
	for _, b := range a.blocks {
		hold(b, a.policy)
	}
	for _, id := range a.description.ids {
		for _, b := range a.overrides[id] {
			// What replaces the objects on an endpoint has a policy of its own.
			p, own := a.policy, m
			switch one, says := b.set.Control.(policy.Authorizer); {
			case b.kind.Name == "object":
				own.Objects = objectsOf(b.node)
				p = r.compiled(a, own, b)
			case says:
				r.faults(one.Authorize(&own), fallback{at: b.place, block: b})
				if len(r.list) > 0 {
					return
				}
				p = r.compiled(a, own, object)
			}
			if p != nil {
				hold(b, p)
			}
		}
	}
}

// speaking asks the controls whose own files say something of authorization: those of
// the API, or else of its endpoints.
func (r *reader) speaking(a *API, m *policy.Model) {
	ask := func(b *block) {
		if one, says := b.set.Control.(policy.Authorizer); says && m.Graph == nil {
			r.faults(one.Authorize(m), fallback{at: b.place, block: b})
		}
	}
	for _, b := range a.blocks {
		ask(b)
	}
	for _, id := range a.description.ids {
		for _, name := range slices.Sorted(maps.Keys(a.overrides[id])) {
			ask(a.overrides[id][name])
		}
	}
}

// hold hands a policy to a control that decides by it.
func hold(b *block, p *policy.Policy) {
	if h, ok := b.set.Control.(policy.Holder); ok {
		h.Hold(p)
	}
}

// decided refuses policies that no control of the catalogue would ask: what is
// written down and believed in must not be without effect.
func (c *compiler) decided(a *API) {
	if a.policy == nil {
		return
	}
	for _, id := range a.description.ids {
		t := a.policy.Operation(id)
		if t == nil || !t.Spoken {
			continue
		}
		kind := "policy"
		if t.Object != "" {
			kind = "object"
		}
		if !slices.ContainsFunc(a.blocks, func(b *block) bool {
			_, holds := b.set.Control.(policy.Holder)
			return holds && b.kind.Name == kind
		}) {
			n := find(a.node, "policies")
			c.add(c.report.place(n.Line, n.Column), join(a.key, "policies"), fmt.Sprintf("a policy speaks of %s, and this build has no control %s that decides by policies", t.Name, kind), "a catalogue with "+kind)
			return
		}
	}
}

// model gathers what the API's block says of authorization.
func (r *reader) model(a *API) policy.Model {
	m := policy.Model{API: a.Name, Principal: a.block.Principal}
	for _, b := range a.blocks {
		switch b.kind.Name {
		case "object":
			m.Objects = objectsOf(b.node)
		case "role":
			_, roles := lookup(b.node, "roles")
			quiet(roles, &m.Roles)
		}
	}
	for _, op := range a.description.operations {
		m.Operations = append(m.Operations, op)
	}
	m.Zone = r.zone(a)
	m.Sources = r.policies(a)
	m.Relations = r.relations(a)
	return m
}

// objectsOf reads the objects of a control's block.
func objectsOf(b *yaml.Node) (objects map[string]*policy.Object) {
	_, n := lookup(b, "objects")
	quiet(n, &objects)
	return objects
}

// quiet decodes what is decoded elsewhere too, where its faults are reported.
func quiet[T any](n *yaml.Node, v *T) {
	if n != nil {
		(&reader{report: newReport("", nil)}).into(n, v, "")
	}
}

func (r *reader) zone(a *API) *time.Location {
	name := a.block.TimeZone
	if name == "" {
		return time.UTC
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "Local" {
		// The machine's own zone is no part of a configuration.
		r.apiFault(a, "time_zone", fmt.Sprintf("there is no time zone %q", name), "time_zone: Europe/Berlin  (a name of the IANA time zone database)")
		return time.UTC
	}
	return zone
}

// policies reads the API's files of policies: one file, or the *.cedar of a
// folder.
func (r *reader) policies(a *API) (sources []cedar.Source) {
	if a.block.Policies == "" {
		if k, _ := lookup(a.node, "policies"); k != nil {
			r.apiFault(a, "policies", "nothing is written here", "policies: policies/")
		}
		return nil
	}
	path := beside(r.dir, a.block.Policies)
	a.policyPath, a.files = path, append(a.files, path)
	files := []string{path}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		r.apiFault(a, "policies", "the policies cannot be read: "+cause(err), "policies: a folder with *.cedar files, or one file")
		return nil
	case info.IsDir():
		// The pattern holds nothing but the folder's own name to be escaped.
		files, err = filepath.Glob(filepath.Join(globbed.Replace(path), "*.cedar"))
		if err != nil || len(files) == 0 || len(files) > maxPolicyFiles {
			r.apiFault(a, "policies", fmt.Sprintf("there are %d *.cedar files in %s", len(files), a.block.Policies), fmt.Sprintf("1 to %d files, or no policies:", maxPolicyFiles))
			return nil
		}
		a.files = append(a.files, files...)
	}
	for _, f := range files {
		text, err := readPolicy(f)
		if err != nil {
			r.apiFault(a, "policies", f+" cannot be read: "+cause(err), "a file of at most 1 MB that the gateway may read")
			continue
		}
		sources = append(sources, cedar.Source{Name: f, Text: text})
	}
	return sources
}

var globbed = strings.NewReplacer("*", `\*`, "?", `\?`, "[", `\[`, `\`, `\\`)

func readPolicy(path string) (string, error) {
	in, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, maxPolicyFile+1))
	if err == nil && len(text) > maxPolicyFile {
		err = errors.New("it is too large")
	}
	return string(text), err
}

// relations reads the API's model of relations.
func (r *reader) relations(a *API) *relations.Model {
	if a.block.Relations == "" {
		if k, _ := lookup(a.node, "relations"); k != nil {
			r.apiFault(a, "relations", "nothing is written here", "relations: relations.fga")
		}
		return nil
	}
	path := beside(r.dir, a.block.Relations)
	a.files = append(a.files, path)
	text, err := readPolicy(path)
	if err != nil {
		r.apiFault(a, "relations", "the relations' model cannot be read: "+cause(err), "relations: a file of at most 1 MB in OpenFGA's language")
		return nil
	}
	m, err := relations.ParseModel(path, text)
	if e, ok := errors.AsType[*relations.Error](err); ok {
		r.elsewhere(gatehouse.Place{File: e.File, Line: e.Line, Col: e.Column}, join(a.key, "relations"), e.Says, e.Fix, e.Excerpt)
	}
	return m
}

// elsewhere reports what is wrong in another file, with its line.
func (r *reader) elsewhere(at gatehouse.Place, key, says, fix, line string) {
	known := len(r.list)
	if r.add(at, key, says, fix); len(r.list) > known {
		r.list[known].Line = line
	}
}

// compiled compiles a model, or reports why it does not compile: what is in the
// configuration at its key, what is in a file of policies at its place there.
func (r *reader) compiled(a *API, m policy.Model, object *block) *policy.Policy {
	p, err := policy.Compile(m)
	if err == nil {
		return p
	}
	for _, one := range split(err) {
		if e, ok := errors.AsType[*cedar.Error](one); ok {
			says := e.Says
			if e.Policy != "" {
				says = "policy " + e.Policy + ": " + says
			}
			r.elsewhere(gatehouse.Place{File: e.File, Line: e.Line, Col: e.Column}, join(a.key, "policies"), says,
				cmp.Or(strings.TrimPrefix(e.Fix, "write "), "what policies can speak of: gatehouse policy show --schema"), e.Excerpt)
			continue
		}
		f, ok := errors.AsType[*policy.Fault](one)
		switch {
		case !ok:
			r.apiFault(a, "objects", one.Error(), "see: gatehouse policy show")
		case strings.HasPrefix(f.Key, "objects.") && object != nil:
			b := object
			if i := slices.IndexFunc(a.blocks, func(b *block) bool { return b.kind.Name == "graphql" }); i >= 0 && m.Graph.Has(f.Key) {
				b = a.blocks[i]
			}
			r.fault(&gatehouse.Fault{Key: f.Key, Says: f.Says, Fix: f.Fix}, fallback{at: b.place, block: b})
		default:
			r.apiFault(a, f.Key, f.Says, f.Fix)
		}
	}
	return nil
}

// policies warns of policies written by hand that mean less than they seem to.
func (l *linter) policies(a *API) {
	p := a.policy
	if p == nil {
		return
	}
	for _, object := range p.Objects() {
		lists, spoken := p.Template(object, policy.List), false
		for action := policy.Read; action <= policy.Create; action++ {
			spoken = spoken || p.Template(object, action).Spoken
		}
		for _, r := range p.Template(object, policy.Read).Policies() {
			if !r.Permit && p.Origin(r.ID) == "" && !slices.Contains(lists.Policies(), r) {
				l.say(LevelWarning, "authz.abac", gatehouse.Place{File: r.File, Line: r.Line, Col: r.Column}, join(a.key, "policies"),
					fmt.Sprintf("%s forbids to read one %s, and lists of them say as much", r.ID, object), fmt.Sprintf("action in Action::%q, which is for lists too", object+".read"))
			}
		}
		if spoken && !p.Walled(object) {
			l.say(LevelNote, "authz.object", l.at(a, "objects"), join(a.key, "objects."+object),
				fmt.Sprintf("policies speak of %s, which has no tenant: nothing but they keep one customer's from another", object), "tenant: response.FIELD")
		}
	}
}
