package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse/idp/operator"
	"github.com/gatehouse-api/gatehouse/internal/relations"
	"github.com/gatehouse-api/gatehouse/store"
)

const relationsUsage = `usage: gatehouse relations write TUPLE... --because WHY --author WHO            doc:1#viewer@user:anne, doc:1#viewer@user:*, doc:1#viewer@group:eng#member
       gatehouse relations delete TUPLE... --because WHY --author WHO
       gatehouse relations import FILE --because WHY --author WHO               lines of tuples, or OpenFGA's JSON: [{"user", "relation", "object"}]; FILE may be -
       gatehouse relations list [--object doc:1] [--relation viewer] [--subject user:anne]
       gatehouse relations check SUBJECT RELATION OBJECT [--api NAME]           exits with 0 for yes and 1 for no
       gatehouse relations why SUBJECT RELATION OBJECT [--api NAME]             the way from the object to the subject
What a relation means is in the file that relations in an API's block names.
`

// runRelations changes, lists and asks for relations.
func runRelations(args []string, stdout, stderr io.Writer) int {
	return runVerb("relations", relationsUsage, args, stdout, stderr, map[string]func(*entry, []string) error{
		"write": (*entry).writeRelations, "delete": (*entry).deleteRelations, "import": (*entry).importRelations,
		"list": (*entry).listRelations, "check": (*entry).checkRelation, "why": (*entry).whyRelation,
	})
}

// mostArguments is how many tuples one command takes.
const mostArguments = 1000

// tuples reads the arguments of a command that changes tuples.
func (e *entry) tuples(args []string) (list []store.Tuple, err error) {
	e.reasons()
	asked, err := e.parse(args, 1, mostArguments)
	if err != nil {
		return nil, err
	}
	for _, text := range asked {
		t, err := relations.ParseTuple(text)
		if err != nil {
			return nil, err
		}
		list = append(list, store.Tuple(t))
	}
	return list, e.answered()
}

func (e *entry) writeRelations(args []string) error {
	list, err := e.tuples(args)
	if err != nil {
		return err
	}
	return e.changeRelations(list, nil, "written")
}

func (e *entry) deleteRelations(args []string) error {
	list, err := e.tuples(args)
	if err != nil {
		return err
	}
	return e.changeRelations(nil, list, "deleted")
}

// relationsAtOnce is how many tuples of an import one transaction takes.
const relationsAtOnce = 5000

func (e *entry) changeRelations(add, remove []store.Tuple, done string) error {
	return e.at(func(ctx context.Context, d *operator.Desk, by operator.By) error {
		var revision int64
		n := 0
		for part := range slices.Chunk(slices.Concat(add, remove), relationsAtOnce) {
			var err error
			if len(remove) > 0 {
				revision, err = d.WriteRelations(ctx, by, nil, part)
			} else {
				revision, err = d.WriteRelations(ctx, by, part, nil)
			}
			if err != nil && n > 0 {
				return fmt.Errorf("%w; the first %d are %s, and doing it again does no harm", said(err), n, done)
			}
			if err != nil {
				return said(err)
			}
			n += len(part)
		}
		if e.json {
			return e.print(map[string]int64{"tuples": int64(n), "revision": revision})
		}
		_, err := fmt.Fprintf(e.stdout, "%d tuples are %s, revision %d\n", n, done, revision)
		return err
	})
}

func (e *entry) importRelations(args []string) error {
	e.reasons()
	path, err := e.one(args)
	if err == nil {
		err = e.answered()
	}
	if err != nil {
		return err
	}
	in := io.Reader(os.Stdin)
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	list, err := readRelations(bufio.NewReader(in))
	if err != nil {
		return fmt.Errorf("%s: %w; nothing was imported", path, err)
	}
	return e.changeRelations(list, nil, "imported")
}

// readRelations reads lines of tuples, of which empty ones and those that begin with #
// are left out, or a JSON array as OpenFGA's own tools write it.
func readRelations(in *bufio.Reader) (list []store.Tuple, err error) {
	if first, err := in.Peek(1); err == nil && first[0] == '[' {
		return readRelationsJSON(in)
	}
	lines := bufio.NewScanner(in)
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSpace(lines.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		t, err := relations.ParseTuple(text)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		list = append(list, store.Tuple(t))
	}
	if err := lines.Err(); err != nil || len(list) > 0 {
		return list, err
	}
	return nil, errors.New("there is no tuple in it")
}

func readRelationsJSON(in io.Reader) (list []store.Tuple, err error) {
	var all []struct {
		User      string          `json:"user"`
		Relation  string          `json:"relation"`
		Object    string          `json:"object"`
		Condition json.RawMessage `json:"condition"`
	}
	if err := json.NewDecoder(in).Decode(&all); err != nil {
		return nil, err
	}
	for i, one := range all {
		if len(one.Condition) > 0 && string(one.Condition) != "null" {
			return nil, fmt.Errorf("tuple %d has a condition: that is for a policy, beside context.rel", i+1)
		}
		t, err := relations.ParseTuple(one.Object + "#" + one.Relation + "@" + one.User)
		if err != nil {
			return nil, fmt.Errorf("tuple %d: %w", i+1, err)
		}
		list = append(list, store.Tuple(t))
	}
	return list, nil
}

func (e *entry) listRelations(args []string) error {
	object := e.flags.String("object", "", "of one object: doc:1")
	subject := e.flags.String("subject", "", "of one subject: user:anne, user:* or group:eng#member")
	var like store.Tuple
	e.flags.StringVar(&like.Relation, "relation", "", "of one relation")
	if err := e.none(args); err != nil {
		return err
	}
	if *object != "" {
		o, err := relations.ParseObject(*object)
		if err != nil {
			return err
		}
		like.Type, like.ID = o.Type, o.ID
	}
	if *subject != "" {
		s, err := relations.ParseSubject(*subject)
		if err != nil {
			return err
		}
		like.SubjectType, like.SubjectID, like.SubjectRelation = s.Type, s.ID, s.Relation
	}
	return e.at(func(ctx context.Context, d *operator.Desk, by operator.By) error {
		list := []string{}
		for after, more := (store.Tuple{}), true; more; {
			var some []store.Tuple
			var err error
			if some, more, err = d.Relations(ctx, by, like, after, atOnce); err != nil {
				return said(err)
			}
			for _, t := range some {
				list, after = append(list, relations.Tuple(t).String()), t
			}
		}
		if e.json {
			return e.print(list)
		}
		for _, t := range list {
			fmt.Fprintln(e.stdout, printable(t))
		}
		return nil
	})
}

// errNo is an answer that is no.
var errNo = errors.New("no")

func (e *entry) checkRelation(args []string) error {
	return e.askRelation(args, func(ctx context.Context, q relationAsked) error {
		a, err := q.engine.Check(ctx, relations.Revision{}, q.subject, q.relation, q.object)
		switch {
		case err != nil:
			return err
		case e.json:
			return e.print(map[string]bool{"held": a.Held})
		case !a.Held:
			return errNo
		}
		_, err = fmt.Fprintln(e.stdout, "yes")
		return err
	})
}

func (e *entry) whyRelation(args []string) error {
	return e.askRelation(args, func(ctx context.Context, q relationAsked) error {
		r, err := q.engine.Why(ctx, relations.Revision{}, q.subject, q.relation, q.object)
		if err != nil {
			return err
		}
		if e.json {
			return e.print(struct {
				Held     bool     `json:"held"`
				Ways     []string `json:"ways"`
				Revision int64    `json:"revision"`
				Model    string   `json:"model"`
			}{r.Held, append([]string{}, r.Ways...), r.At.Tuples, r.At.Model})
		}
		for _, w := range r.Ways {
			fmt.Fprintln(e.stdout, printable(w))
		}
		if !r.Held {
			fmt.Fprintf(e.stdout, "no way leads there at revision %d\n", r.At.Tuples)
		}
		return nil
	})
}

// relationAsked is a question of the command line, and who answers it.
type relationAsked struct {
	engine   *relations.Engine
	subject  relations.Subject
	relation string
	object   relations.Object
}

// askRelation asks our own engine, by the tuples of the store as they are now.
func (e *entry) askRelation(args []string, ask func(context.Context, relationAsked) error) error {
	api := e.flags.String("api", "", "by the model of this API; needed where several have one")
	asked, err := e.parse(args, 3, 3)
	if err != nil {
		return err
	}
	q := relationAsked{relation: asked[1]}
	if q.subject, err = relations.ParseSubject(asked[0]); err != nil {
		return err
	}
	if q.object, err = relations.ParseObject(asked[2]); err != nil {
		return err
	}
	return e.with(func(ctx context.Context, f facts) error {
		m, err := e.relationModel(*api)
		if err != nil {
			return err
		}
		x, err := watchRelations(f.Relations(), slog.New(slog.NewTextHandler(e.stderr, nil)))
		if err != nil {
			return err
		}
		if q.engine, err = relations.New(m, x, relations.Limits{}); err != nil {
			return err
		}
		return ask(ctx, q)
	})
}

// relationModel returns the one model that is meant.
func (e *entry) relationModel(api string) (*relations.Model, error) {
	if e.file == nil {
		return nil, errors.New("what relations mean is in the configuration: write --config in place of --state")
	}
	var names []string
	var found *relations.Model
	for _, m := range relationModels(e.file) {
		if api == "" || api == m.API {
			names, found = append(names, m.API), m.Model
		}
	}
	switch {
	case len(names) == 1:
		return found, nil
	case len(names) > 1:
		return nil, fmt.Errorf("several APIs have a model of relations; write: --api %s", strings.Join(names, " or --api "))
	case api != "":
		return nil, fmt.Errorf("the API %s has no model of relations; write in its block: relations: relations.fga", printable(api))
	}
	return nil, fmt.Errorf("no API of %s has a model of relations; write in its block: relations: relations.fga", e.config)
}
