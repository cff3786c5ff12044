package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse/config"
	"github.com/gatehouse-api/gatehouse/control/all"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// runInit writes a configuration for a description: one that passes check as it
// stands, and says in comments what to look at. It returns 1 when it could not,
// 2 when it was called wrongly. A file that is there is never overwritten.
func runInit(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("gatehouse init", flag.ContinueOnError)
	flags.SetOutput(stderr)
	out := flags.String("o", "gatehouse.yaml", "file to write")
	var d draft
	flags.StringVar(&d.upstream, "upstream", "", "where the API is; default: the description's server, or http://127.0.0.1:9000")
	flags.StringVar(&d.issuer, "issuer", "https://login.example.com", "who issues the access tokens: any OpenID provider, or self for our own authorization server")
	flags.StringVar(&d.audience, "audience", "", "the aud of the access tokens; default: from the description's server")
	files, err := interspersed(flags, args)
	if err != nil {
		return 2
	}
	if len(files) != 1 {
		fmt.Fprintln(stderr, "gatehouse init: which description? write: gatehouse init openapi.yaml -o gatehouse.yaml")
		return 2
	}
	if err := initialise(&d, files[0], *out, time.Now); err != nil {
		fmt.Fprintln(stderr, "gatehouse init:", err)
		return 1
	}
	fmt.Fprintf(stdout, "%s: %d operations of %s. Next: gatehouse check --config %s\n", *out, len(d.doc.Operations), files[0], *out)
	return 0
}

// interspersed parses flags that stand before and after the file.
func interspersed(flags *flag.FlagSet, args []string) ([]string, error) {
	var files []string
	for {
		if err := flags.Parse(args); err != nil {
			return nil, err
		}
		if flags.NArg() == 0 {
			return files, nil
		}
		files = append(files, flags.Arg(0))
		args = flags.Args()[1:]
	}
}

func initialise(d *draft, description, out string, now func() time.Time) error {
	doc, err := openapi.Load(description)
	if err != nil {
		return err
	}
	if len(doc.Operations) == 0 {
		return fmt.Errorf("%s declares no operation", description)
	}
	d.doc, d.now = doc, now()
	d.path = reference(description, out)
	d.fill()
	file, err := os.OpenFile(out, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s is there already; write: gatehouse init %s -o another.yaml", out, description)
	}
	if err != nil {
		return err
	}
	_, err = io.WriteString(file, d.yaml())
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	return verify(out, now)
}

// verify checks what was written. A draft with faults stays, for people to mend.
func verify(path string, now func() time.Time) error {
	c, err := check(path, now)
	if err != nil || c.errors() == 0 {
		return err
	}
	for _, f := range c.findings {
		if f.Level == config.LevelError {
			return fmt.Errorf("%s was written, but does not pass yet (%d errors):\n%w", path, c.errors(), &f.Error)
		}
	}
	return nil
}

// reference is the description's path as the configuration writes it: relative
// to the configuration's own folder where that is possible.
func reference(description, out string) string {
	from, err1 := filepath.Abs(filepath.Dir(out))
	to, err2 := filepath.Abs(description)
	if err := errors.Join(err1, err2); err != nil {
		return description
	}
	if rel, err := filepath.Rel(from, to); err == nil && !strings.HasPrefix(rel, filepath.Join("..", "..", "..")) {
		return filepath.ToSlash(rel)
	}
	return to
}

// draft is what a configuration is written from.
type draft struct {
	doc                        *openapi.Document
	now                        time.Time
	path                       string
	name                       string
	upstream, issuer, audience string
	objects                    []guess
	owned                      map[string]bool // operations that objects cover
	unowned                    []string        // operations with an id in the path and no guess of whose it is
	closed                     []string        // those of them that write, which no role is named for
	admin, user                []string        // what the roles are granted
	public                     []string
}

// fill guesses what the flags left open.
func (d *draft) fill() {
	d.name = slug(d.doc.Title)
	server := d.server()
	if d.upstream == "" {
		d.upstream = "http://127.0.0.1:9000"
		if server != nil {
			d.upstream = strings.TrimSuffix(server.String(), "/")
		}
	}
	if d.audience == "" {
		d.audience = "https://api.example.com/" + d.name
		if server != nil {
			d.audience = "https://" + server.Host
		}
	}
	d.owned = map[string]bool{}
	if offers("object") {
		d.guessObjects()
	}
	d.guessRoles()
	for _, op := range d.doc.Operations {
		if op.Method() == "GET" && probe(op.Template()) {
			d.public = append(d.public, op.ID())
		}
	}
}

// server is the first absolute server of the description, or nil. One with a
// user, a query or variables is left to people.
func (d *draft) server() *url.URL {
	for _, s := range d.doc.Servers {
		u, err := url.Parse(s)
		if err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil && u.RawQuery == "" && u.Fragment == "" && !strings.ContainsAny(s, "{}% ") {
			return u
		}
	}
	return nil
}

// guessRoles names administrators' functions one by one for admin. Everything
// else goes to user, by tag or by the operationId's verb where that reaches
// nothing more; objects with an owner are left to their owners, since a role
// would reach those of others. Objects of which nothing says whose they are can
// be read, by the waiver that the draft writes out for each of them; to write
// them is left to people.
func (d *draft) guessRoles() {
	apart := map[string]bool{}
	for _, op := range d.doc.Operations {
		if slices.Contains(d.unowned, op.ID()) && op.Method() != http.MethodGet && op.Method() != http.MethodHead {
			apart[op.ID()] = true
		}
	}
	whole := map[string]bool{} // grant -> nothing it reaches is to be left out
	groups := map[string][]string{}
	var order []string
	for _, op := range d.doc.Operations {
		id := op.ID()
		if config.Administrative(all.Kinds, op) {
			d.admin = append(d.admin, id)
			continue
		}
		if apart[id] {
			d.closed = append(d.closed, id)
		}
		g := group(op)
		if _, ok := groups[g]; !ok {
			order, whole[g] = append(order, g), true
		}
		if !apart[id] && !d.owned[id] {
			groups[g] = append(groups[g], id)
		}
	}
	for _, op := range d.doc.Operations {
		for g := range whole {
			if (apart[op.ID()] || d.owned[op.ID()]) && covers(g, op) {
				whole[g] = false
			}
		}
	}
	for _, g := range order {
		if whole[g] {
			d.user = append(d.user, g)
			continue
		}
		d.user = append(d.user, groups[g]...)
	}
}

// group is how a role reaches an operation together with its like: by its first
// tag, or by the first word of its id.
func group(op *openapi.Operation) string {
	if len(op.Tags) > 0 {
		return "tag:" + op.Tags[0]
	}
	id := op.ID()
	if i := strings.IndexAny(id, " _-./"); i > 0 {
		return id[:i+1] + "*"
	}
	for i := 1; i < len(id); i++ {
		if id[i] >= 'A' && id[i] <= 'Z' && (id[i-1] < 'A' || id[i-1] > 'Z') {
			return id[:i] + "*"
		}
	}
	return id
}

// covers reports whether a grant reaches the operation.
func covers(grant string, op *openapi.Operation) bool {
	if tag, ok := strings.CutPrefix(grant, "tag:"); ok {
		return slices.Contains(op.Tags, tag)
	}
	prefix, wild := strings.CutSuffix(grant, "*")
	return grant == op.ID() || wild && strings.HasPrefix(op.ID(), prefix)
}

// probe reports whether a path is one that monitors ask without a token.
func probe(template string) bool {
	switch template[strings.LastIndexByte(template, '/')+1:] {
	case "health", "healthz", "status", "ping", "live", "livez", "ready", "readyz", "-/healthy", "-/ready":
		return !strings.Contains(template, "{")
	}
	return false
}

// slug makes the name of an API from a title.
func slug(title string) string {
	title = strings.NewReplacer("'s", "", "\u2019s", "").Replace(strings.ToLower(title))
	words := strings.FieldsFunc(title, func(c rune) bool { return !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9') })
	words = slices.DeleteFunc(words, func(w string) bool { return w == "api" || w == "the" || w == "rest" })
	const longest = 32
	s := ""
	for _, w := range words {
		if len(s)+1+len(w) > longest {
			break
		}
		s += "-" + w
	}
	if s == "" {
		return "api"
	}
	return s[1:]
}

// offers reports whether this build has a control.
func offers(name string) bool {
	for _, k := range all.Kinds {
		if k.Name == name {
			return true
		}
	}
	return false
}
