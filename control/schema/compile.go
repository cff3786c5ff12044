package schema

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/internal/openapi"
)

// check is what one operation demands.
type check struct {
	op                          *openapi.Operation
	path, query, header, cookie []parameter
	body                        *openapi.RequestBody
	forms                       map[string][]parameter // by media type: the members of form bodies
	options                     openapi.Options
	scratch                     sync.Pool // of *scratch
}

// shape is how a parameter's text becomes a value.
type shape uint8

const (
	scalar shape = iota
	array
	object
	document // a JSON document
)

// parameter is one declared parameter, ready to be compared.
type parameter struct {
	name      string
	schema    *openapi.Schema // nil accepts any text within bounds
	types     openapi.Types
	shape     shape
	items     openapi.Types // of an array's elements
	members   []member      // of an object
	required  bool
	repeats   bool // each element comes as a parameter of its own
	deep      bool // members come as name[member]
	separator byte // between elements of one value
	prefix    string
}

type member struct {
	name  string
	types openapi.Types
}

// most is how many parameters of one kind an operation may declare.
const most = 256

// Compile implements [gatehouse.Control].
func (c *Config) Compile(b *gatehouse.Build) ([]gatehouse.Step, error) {
	if err := c.check(b); err != nil {
		return nil, err
	}
	op, ok := b.Operation.(*openapi.Operation)
	if !ok {
		return nil, nil
	}
	k := &check{op: op, body: op.RequestBody, options: openapi.Options{MaxString: c.MaxString, MaxItems: c.MaxItems}}
	if c.Undeclared == "allow" {
		k.options.Undeclared = openapi.Allow
	}
	if err := k.parameters(op, c.PaginationMax); err != nil {
		return nil, err
	}
	steps := []gatehouse.Step{{Control: Kind.Name, Stage: gatehouse.Validate, Enforce: reasoned(k.head, k.whyHead)}}
	if k.body != nil {
		k.formBodies()
		steps = append(steps, gatehouse.Step{Control: Kind.Name, Stage: gatehouse.Validate, Need: gatehouse.Body, Enforce: reasoned(k.judge, k.whyBody)})
	}
	return steps, nil
}

func (c *Config) check(b *gatehouse.Build) error {
	var errs []error
	loose := func(key, says, fix string) {
		switch {
		case c.Waiver == nil:
			errs = append(errs, &gatehouse.Fault{Key: key, Says: says + " needs a waiver", Fix: fix + ", or waiver: {because: why, owner: who@example.com, until: 2027-06-30}"})
		case c.Waiver.Expired(b.Now()):
			errs = append(errs, &gatehouse.Fault{Key: "waiver", Says: "the waiver ended on " + c.Waiver.Until.Format("2006-01-02"), Fix: fix})
		}
	}
	switch c.Undeclared {
	case "reject":
	case "allow":
		loose("undeclared", "letting undeclared members in", "undeclared: reject")
	default:
		errs = append(errs, &gatehouse.Fault{Key: "undeclared", Says: fmt.Sprintf("%q is no choice", c.Undeclared), Fix: "undeclared: reject"})
	}
	for _, n := range [...]struct {
		key        string
		value, max int
	}{{"pagination_max", c.PaginationMax, paginationMax}, {"max_string", c.MaxString, maxString}, {"max_items", c.MaxItems, maxItems}} {
		fix := fmt.Sprintf("%s: %d", n.key, n.max)
		switch {
		case n.value <= 0:
			errs = append(errs, &gatehouse.Fault{Key: n.key, Says: "a bound is positive", Fix: fix})
		case n.value > n.max:
			loose(n.key, fmt.Sprintf("a bound over %d", n.max), fix)
		}
	}
	return errors.Join(errs...)
}

func (k *check) parameters(op *openapi.Operation, paginationMax int) error {
	for _, p := range op.Parameters {
		q, err := parameterOf(p)
		if err != nil {
			return err
		}
		switch p.In {
		case "path":
			k.path = append(k.path, q)
		case "query":
			q.bound(paginationMax)
			k.query = append(k.query, q)
		case "header":
			k.header = append(k.header, q)
		case "cookie":
			k.cookie = append(k.cookie, q)
		}
	}
	if len(k.query) > most {
		return &gatehouse.Fault{Says: fmt.Sprintf("%s declares more than %d query parameters", op.ID(), most), Fix: "fewer"}
	}
	return nil
}

func parameterOf(p *openapi.Parameter) (parameter, error) {
	q := parameter{name: p.Name, schema: p.Schema, types: openapi.TypeString, required: p.Required, separator: ','}
	if p.Schema == nil {
		return q, nil
	}
	q.types = p.Schema.Types()
	switch {
	case p.JSON:
		q.shape = document
		return q, nil
	case q.types&(openapi.TypeArray|openapi.TypeObject) == 0 || q.types&openapi.TypeString != 0:
		// Text that may also be a list is read as text: nothing is split.
		q.shape = scalar
	case q.types&openapi.TypeArray != 0:
		q.shape = array
		q.items = openapi.TypeString
		if items := p.Schema.Items(); items != nil {
			q.items = items.Types()
		}
	default:
		q.shape = object
		for _, name := range p.Schema.Properties() {
			q.members = append(q.members, member{name, p.Schema.Property(name).Types()})
		}
	}
	return q, q.styled(p)
}

func (q *parameter) styled(p *openapi.Parameter) error {
	switch p.Style {
	case "form":
		q.repeats = p.Explode && q.shape != scalar
	case "deepObject":
		q.deep = q.shape == object
	case "spaceDelimited":
		q.separator = ' '
	case "pipeDelimited":
		q.separator = '|'
	case "label":
		q.prefix = "."
	case "matrix":
		q.prefix = ";" + p.Name + "="
	}
	if q.shape == object && !q.deep && !q.repeats || q.shape != scalar && q.prefix != "" {
		return &gatehouse.Fault{Says: fmt.Sprintf("%s: parameter %s: lists and objects in this style cannot be checked", p.Place, p.Name), Fix: "style: form or deepObject with explode: true"}
	}
	return nil
}

// bound gives parameters that ask for a number of results a maximum.
func (q *parameter) bound(most int) {
	pages := [...]string{"limit", "perpage", "pagesize", "count", "size", "first", "last"}
	name := strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(q.name))
	if !slices.Contains(pages[:], name) || q.schema == nil || q.types&openapi.TypeNumber == 0 || q.schema.Bounded() {
		return
	}
	q.schema = q.schema.AtMost(strconv.Itoa(most))
}

// formBodies prepares the members of form bodies as if they were parameters.
func (k *check) formBodies() {
	for i := range k.body.Content {
		m := &k.body.Content[i]
		if m.Type != "application/x-www-form-urlencoded" || m.Schema == nil {
			continue
		}
		var list []parameter
		for _, name := range m.Schema.Properties() {
			p := m.Schema.Property(name)
			q := parameter{name: name, types: p.Types()}
			if q.types&openapi.TypeArray != 0 && q.types&openapi.TypeString == 0 {
				q.shape, q.items = array, openapi.TypeString
				if items := p.Items(); items != nil {
					q.items = items.Types()
				}
			}
			list = append(list, q)
		}
		if k.forms == nil {
			k.forms = map[string][]parameter{}
		}
		k.forms[m.Type] = list
	}
}

// scratch is the memory of one judgement.
type scratch struct {
	doc  jsonwalk.Doc
	text []byte
	name []byte
	seen [most / 64]uint64
	// garbled reports a value that no JSON text could hold.
	garbled bool
}
