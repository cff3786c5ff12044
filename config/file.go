package config

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/engine"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
	"github.com/gatehouse-api/gatehouse/internal/policy"
	"github.com/gatehouse-api/gatehouse/internal/words"
)

// Options is what a configuration is judged with. The zero value is ready.
type Options struct {
	Now func() time.Time // nil is time.Now
	Log *slog.Logger     // nil discards
	// Own is the OpenAPI document of our own authorization server. Without it there
	// is none.
	Own []byte
	// AuthZEN is the OpenAPI document of our own decision point. Without it there is
	// none.
	AuthZEN []byte
	// Operators is the admin API of our own authorization server.
	Operators OwnAPI
	// SAML judges the files of a SAML connection, whose form is another room's; nil
	// does not. Its errors are faults of the block saml.
	SAML func(issuer, name string, s *SSOSAML) error
}

// File is a configuration that has been read, with the descriptions of its APIs.
// Nothing of it changes after [Load]. Relative paths have been joined to the
// folder of the file that they are written in.
type File struct {
	Path        string
	Listen      Listen
	Admin       Admin
	State       string // folder of the store, keys and trails
	Store       Store  // where blocks, revocations and spent keys are kept
	IDP         IDP    // our own authorization server, or none
	Log         string // "stdout" or a file
	Development bool   // environment: development
	APIs        []*API

	text    []byte
	kinds   []gatehouse.Kind
	global  []*block // for requests that belong to no single API
	waivers []Waived
	files   []string // that controls read, folders with what is in them
	options Options
}

// API is one API of a configuration.
type API struct {
	Name      string
	Place     gatehouse.Place
	OpenAPI   string // path of the description
	Upstream  *gatehouse.Upstream
	Hosts     []string                     // canonical, with port where it is not the scheme's; "*" is any
	AnyHost   *gatehouse.Waiver            // why every host is served, or nil
	Verbose   *gatehouse.Waiver            // why callers are told what is not as described, or nil
	Audience  string                       // whom tokens must be meant for
	Issuers   []string                     // of the short form
	Public    map[string]*gatehouse.Waiver // by operation id
	Permits   map[string]gatehouse.Permit  // by operation id
	WebSocket []string                     // operation ids that opted in to upgrades
	Timeout   time.Duration                // zero is the host's default

	// Facts is the file of facts of a decision point, "" where there is none.
	Facts string

	key         string
	node        *yaml.Node
	block       apiBlock
	description *description
	blocks      []*block
	overrides   map[string]map[string]*block // operation id -> kind -> block
	policy      *policy.Policy
	policyPath  string   // folder or file of its policies, "" where there are none
	files       []string // of policies, and the folder that they are in
	apart       bool     // it is served at an address of its own, and not to clients
}

// Load reads a configuration and the descriptions that it names. kinds is the
// catalogue of controls. The error is an [Errors] with everything that is wrong.
func Load(path string, kinds []gatehouse.Kind, o Options) (*File, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	text, err := read(path)
	if err != nil {
		return nil, Errors{{Place: gatehouse.Place{File: path}, Says: "the file cannot be read: " + cause(err), Fix: "gatehouse --config FILE, or make one: gatehouse init openapi.yaml"}}
	}
	f := &File{Path: path, text: text, kinds: kinds, options: o}
	r := &reader{report: newReport(path, text), dir: filepath.Dir(path), now: o.Now()}
	top := r.parse(text)
	if top == nil {
		return nil, r.err()
	}
	f.fill(r, top)
	f.waivers, f.files = r.waivers, within(r.files)
	if err := r.err(); err != nil {
		return nil, err
	}
	return f, nil
}

// read reads at most one byte more than is allowed.
func read(path string) ([]byte, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	return io.ReadAll(io.LimitReader(in, maxFile+1))
}

// cause is the reason of an I/O error without the path, which the place has.
func cause(err error) string {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}

func (f *File) fill(r *reader, top *yaml.Node) {
	d := r.top(top)
	f.Listen, f.Admin, f.State, f.Store, f.Log = d.Listen, d.Admin, beside(r.dir, d.State), d.Store, d.Log
	if f.Log != "stdout" {
		f.Log = beside(r.dir, f.Log)
	}
	if t := f.Listen.TLS; t != nil {
		t.Cert = beside(r.dir, strings.TrimPrefix(t.Cert, "file:"))
		t.Key = beside(r.dir, strings.TrimPrefix(t.Key, "file:"))
		if t.ClientCA != "" {
			t.ClientCA = beside(r.dir, strings.TrimPrefix(t.ClientCA, "file:"))
		}
	}
	f.Development = d.Environment == "development"
	r.self = r.idp(top, d, f.options)
	f.APIs = r.apis(d.APIs.Node)
	everyone := &API{key: "", node: &yaml.Node{Kind: yaml.MappingNode}}
	f.global = r.blocks(everyone, d.Controls.Node, f.kinds)
	for _, b := range f.global {
		r.decode(b)
	}
	for _, a := range f.APIs {
		a.Upstream = r.upstream(a, d)
		a.Timeout, a.AnyHost, a.Verbose = a.block.Timeout, a.block.AnyHost, a.block.Verbose
		r.identity(a)
		f.describe(r, a)
		a.blocks = r.blocks(a, d.Controls.Node, f.kinds)
		for _, b := range a.blocks {
			r.decode(b)
		}
		if a.description == nil {
			continue
		}
		r.public(a)
		r.permits(a)
		r.webSocket(a)
		r.endpoints(a, f.kinds)
		r.hosts(a, &d.Listen)
		r.authorize(a)
	}
	r.decisionPoints(f.APIs)
	f.own(r, top, d)
	if len(r.list) == 0 {
		r.overlaps(slices.DeleteFunc(slices.Clone(f.APIs), func(a *API) bool { return a.apart }))
	}
}

// identity keeps what the short forms say about tokens.
func (r *reader) identity(a *API) {
	if n := a.block.Audience.Node; n != nil {
		r.into(n, &a.Audience, join(a.key, "audience"))
		if a.Audience == "" {
			r.apiFault(a, "audience", "tokens must be meant for this API: its audience is empty", "audience: https://api.example.com/"+a.Name)
		}
	}
	if n := a.block.Issuer.Node; n != nil {
		// Faults of issuer are reported where it is expanded.
		quiet := &reader{report: newReport(r.file, nil)}
		for _, n := range quiet.texts(n, "") {
			a.Issuers = append(a.Issuers, n.Value)
		}
	}
}

// describe loads the API's description, which stands beside the configuration
// unless its path is absolute.
func (f *File) describe(r *reader, a *API) {
	if a.block.AuthZEN != "" {
		r.authZEN(a, f.options.AuthZEN)
		return
	}
	if a.block.OpenAPI == "" {
		r.graphQL(a)
		return
	}
	a.OpenAPI = beside(r.dir, a.block.OpenAPI)
	d, err := describe(a.OpenAPI, openapi.LoadOptions{Fallback: a.block.Fallback != nil, States: a.block.States, Rules: r.properties(a)})
	if err != nil {
		if r.misruled(a, err) {
			return
		}
		n := find(a.node, "openapi")
		r.faults(err, fallback{at: r.place(n.Line, n.Column), key: join(a.key, "openapi"), fix: describedFix(err)})
		return
	}
	if len(d.operations) == 0 {
		r.apiFault(a, "openapi", "the description declares no operation", "openapi: the path of an OpenAPI document with paths")
		return
	}
	a.description = d
}

// describedFix is what to do about a description that does not load.
func describedFix(err error) string {
	if errors.Is(err, openapi.ErrUnsupported) {
		return "a schema without it; or, for what a library can judge, schema_fallback: " + sampleWaiver
	}
	return "openapi: the path of an OpenAPI 3.0 or 3.1 document"
}

// public reads why operations need no caller.
func (r *reader) public(a *API) {
	a.Public = map[string]*gatehouse.Waiver{}
	key := join(a.key, "public")
	if n := a.block.Public.Node; n != nil && n.Kind != yaml.MappingNode {
		r.wrong(n, key, "expected a block of operation ids, found "+found(n), "{getStatus: "+sampleWaiver+"}")
	}
	for k, v := range pairs(a.block.Public.Node) {
		if r.operation(a, k, key) {
			if w := r.waiver(v, join(key, k.Value)); w != nil {
				a.Public[k.Value] = w
			}
		}
	}
}

// operation reports whether a node names an operation of the API, and says so
// if not.
func (r *reader) operation(a *API, n *yaml.Node, key string) bool {
	if a.description.byID[n.Value] != nil {
		return true
	}
	fix := "an operationId of " + a.block.OpenAPI
	if near := words.Nearest(n.Value, a.description.ids); near != "" {
		fix = near
	} else if len(a.description.ids) <= 12 {
		fix = "one of: " + quoted(a.description.ids)
	}
	r.add(r.place(n.Line, n.Column), key, fmt.Sprintf("%s has no operation %q", a.block.OpenAPI, n.Value), fix)
	return false
}

func (r *reader) webSocket(a *API) {
	n, key := a.block.WebSocket.Node, join(a.key, "websocket")
	if n == nil {
		return
	}
	if n.Kind != yaml.SequenceNode {
		r.wrong(n, key, "expected a list of operation ids, found "+found(n), "[streamOrders]")
		return
	}
	for _, c := range r.texts(n, key) {
		if r.operation(a, c, key) {
			a.WebSocket = append(a.WebSocket, c.Value)
		}
	}
}

// endpoints reads the blocks that replace a whole control on one endpoint.
func (r *reader) endpoints(a *API, kinds []gatehouse.Kind) {
	a.overrides = map[string]map[string]*block{}
	n, key := a.block.Endpoints.Node, join(a.key, "endpoints")
	if n != nil && n.Kind != yaml.MappingNode {
		r.wrong(n, key, "expected a block of operation ids, found "+found(n), "{getOrder: {size: {...}}}")
	}
	names := kindNames(kinds)
	for k, v := range pairs(n) {
		if !r.operation(a, k, key) {
			continue
		}
		at := join(key, k.Value)
		if v.Kind != yaml.MappingNode {
			r.wrong(v, at, "expected a block of controls, found "+found(v), "{size: {...}}")
			continue
		}
		a.overrides[k.Value] = map[string]*block{}
		for ck, cv := range pairs(v) {
			i := slices.IndexFunc(kinds, func(kind gatehouse.Kind) bool { return kind.Name == ck.Value })
			if i < 0 {
				r.unknownControl(ck, at, names)
				continue
			}
			b := &block{kind: &kinds[i], key: join(at, ck.Value), node: cv, place: r.place(ck.Line, ck.Column)}
			r.decode(b)
			a.overrides[k.Value][ck.Value] = b
		}
	}
}

// controls returns the controls of one endpoint, in the order of the catalogue.
func (a *API) controls(operation string) []*block {
	over := a.overrides[operation]
	if len(over) == 0 {
		return a.blocks
	}
	out := slices.Clone(a.blocks)
	for i, b := range out {
		if o := over[b.kind.Name]; o != nil {
			out[i] = o
		}
	}
	return out
}

func configured(blocks []*block) []engine.Configured {
	out := make([]engine.Configured, len(blocks))
	for i, b := range blocks {
		out[i] = b.set
	}
	return out
}

// Files returns every file that the configuration was read from, and the folders
// in which a new file would be read too.
func (f *File) Files() []string {
	out := append([]string{f.Path}, f.files...)
	for _, a := range f.APIs {
		if a.OpenAPI != "" { // our own stands in no file
			out = append(out, a.OpenAPI)
		}
		out = append(out, a.files...)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Waivers returns every waiver in the configuration, in the order of the file.
func (f *File) Waivers() []Waived {
	out := slices.Clone(f.waivers)
	slices.SortStableFunc(out, func(a, b Waived) int {
		return comparePlaces(a.Waiver.Place, b.Waiver.Place)
	})
	return slices.CompactFunc(out, func(a, b Waived) bool { return a.Waiver.Place == b.Waiver.Place })
}

// DefaultPath returns the configuration to read when no flag names one: what
// GATEHOUSE_CONFIG says, or gatehouse.yaml. It is the only use of the
// environment; getenv is os.Getenv.
func DefaultPath(getenv func(string) string) string {
	if path := getenv("GATEHOUSE_CONFIG"); path != "" {
		return path
	}
	return "gatehouse.yaml"
}
