package graphql

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"

	"github.com/gatehouse-api/gatehouse"
)

// schema is an API's type system, with what the directives of its SDL say. It is
// immutable.
type schema struct {
	ast   *ast.Schema
	types map[string]*typ
}

// typ is one type.
type typ struct {
	name      string
	def       *ast.Definition
	composite bool // object, interface or union
	abstract  bool // interface or union
	oneOf     bool // an input object of which exactly one member is given
	fields    map[string]*field
	possible  []*typ  // the object types that a value of it may have
	weight    float64 // of one value, for the cost
	needs     []*need
	rule      *rule  // of its objects, or nil
	inject    string // what is selected beside what is asked for
}

// field is one field of a type, or one member of an input object.
type field struct {
	name   string
	def    *ast.FieldDefinition
	of     *typ
	out    *typ // its type without lists and non-null
	list   bool
	weight float64            // of asking for it, beside the weight of its type
	args   map[string]float64 // weights of arguments
	size   *listSize          // how many elements there are
	slices []string           // arguments that are known to ask for a number of elements
	needs  []*need
	acts   []act   // what it does to objects
	makes  []*rule // whose new objects it returns, to be learned
	made   string  // what is selected beside, so that they can be
}

// maxSchema bounds the file of a schema, in bytes.
const maxSchema = 16 << 20

// loadSchema reads the type system in the file.
func loadSchema(path gatehouse.File) (*schema, error) {
	text, err := readFile(string(path), maxSchema)
	if err != nil {
		return nil, &gatehouse.Fault{Key: "schema", Says: "the schema cannot be read: " + err.Error(), Fix: "the path of a file in GraphQL's schema definition language"}
	}
	return parseSchema(filepath.Base(string(path)), string(text))
}

// readFile reads a file of at most so many bytes. Its errors do not name the path.
func readFile(path string, most int64) ([]byte, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, cause(err)
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("it is larger than %d bytes", most)
	}
	return text, cause(err)
}

func cause(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	return err
}

func parseSchema(name, text string) (*schema, error) {
	sd, err := parser.ParseSchemas(validator.Prelude, &ast.Source{Name: name, Input: text})
	if err != nil {
		return nil, misread(name, err)
	}
	if err := renamed(name, sd); err != nil {
		return nil, err
	}
	addKnown(sd)
	a, err := validator.ValidateSchemaDocument(sd)
	if err != nil {
		return nil, misread(name, err)
	}
	if a.Query == nil {
		return nil, &gatehouse.Fault{Key: "schema", Says: name + " has no query type", Fix: "type Query {...}"}
	}
	s := &schema{ast: a, types: make(map[string]*typ, len(a.Types))}
	for n, def := range a.Types {
		s.types[n] = &typ{name: n, def: def, composite: def.IsCompositeType(), abstract: def.IsAbstractType(), oneOf: def.Directives.ForName("oneOf") != nil}
	}
	var errs []error
	for _, t := range s.types {
		errs = append(errs, s.link(name, t)...)
	}
	for _, t := range s.types {
		t.strictest()
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return s, errors.Join(errs...)
}

// misread is the fault of a schema that the library does not take.
func misread(name string, err error) error {
	says := err.Error()
	if e, ok := errors.AsType[*gqlerror.Error](err); ok {
		says = name + ": " + e.Message
		if len(e.Locations) > 0 {
			says = fmt.Sprintf("%s:%d:%d: %s", name, e.Locations[0].Line, e.Locations[0].Column, e.Message)
		}
	}
	return &gatehouse.Fault{Key: "schema", Says: says, Fix: "the API's schema definition language, as its server prints it"}
}

// link fills a type in with what refers to others.
func (s *schema) link(file string, t *typ) (errs []error) {
	t.weight = 1
	if t.composite {
		t.weight = 2
	}
	if w, err := weightOf(t.def.Directives); err != nil {
		errs = append(errs, at(file, t.def.Position, err))
	} else if w >= 0 {
		t.weight = w
	}
	for _, p := range s.ast.PossibleTypes[t.name] {
		if p != nil && p.Kind == ast.Object {
			t.possible = append(t.possible, s.types[p.Name])
		}
	}
	t.fields = make(map[string]*field, len(t.def.Fields))
	for _, def := range t.def.Fields {
		f := &field{name: def.Name, def: def, of: t, out: s.types[def.Type.Name()], list: def.Type.NamedType == ""}
		if err := f.costs(); err != nil {
			errs = append(errs, at(file, def.Position, err))
		}
		t.fields[def.Name] = f
	}
	return errs
}

// at is a fault at a place of the schema.
func at(file string, p *ast.Position, err error) error {
	if p != nil {
		file = fmt.Sprintf("%s:%d:%d", file, p.Line, p.Column)
	}
	return &gatehouse.Fault{Key: "schema", Says: file + ": " + err.Error(), Fix: "the directive as its specification writes it"}
}

// strictest has a field of an interface weigh what the dearest of its
// implementations does: which of them answers is not known before.
func (t *typ) strictest() {
	if !t.abstract {
		return
	}
	for _, p := range t.possible {
		t.weight = max(t.weight, p.weight)
		for name, f := range t.fields {
			if own := p.fields[name]; own != nil {
				f.weight = max(f.weight, own.weight)
				if f.size == nil {
					f.size = own.size
				}
			}
		}
	}
}
