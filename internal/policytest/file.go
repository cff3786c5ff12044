package policytest

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-api/gatehouse/internal/policy"
)

// File is one file of tests, read for one policy.
type File struct {
	World  *World
	API    string // that the file is about, or "" where it does not say
	expect []expectation
	all    struct{ policies, foreign, sql bool } // what coverage: demands of all
	open   map[string][]policy.Action            // what strangers of the tenant may do, by object
	line   int                                   // of coverage

	openFields map[string]bool // that anybody may select although the schema demands something
}

// expectation is one line of expect.
type expectation struct {
	line     int
	text     string
	question []Question
	can      bool
	lists    bool
	ids      []string // that a list has
}

// APIOf returns the API that a file of tests is about, or "" where it does not say.
func APIOf(path string) (string, error) {
	text, err := readFile(path)
	if err != nil {
		return "", fmt.Errorf("policytest: %w", err)
	}
	var d struct {
		API string `yaml:"api"`
	}
	if err := yaml.Unmarshal(text, &d); err != nil {
		return "", &Error{File: path, Line: 1, Says: "it is no YAML: " + err.Error()}
	}
	return d.API, nil
}

// Read reads a file of tests. The error holds an [*Error] for each thing that is
// wrong with it.
func Read(path string, p *policy.Policy) (*File, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, fmt.Errorf("policytest: %w", err)
	}
	var top yaml.Node
	if err := yaml.Unmarshal(text, &top); err != nil {
		return nil, &Error{File: path, Line: 1, Says: "it is no YAML: " + err.Error()}
	}
	f := &File{World: newWorld(p, path), open: map[string][]policy.Action{}, line: 1, openFields: map[string]bool{}}
	if len(top.Content) == 0 || top.Content[0].Kind != yaml.MappingNode {
		return nil, &Error{File: path, Line: 1, Says: "expected a block with given and expect", Fix: "given: {users: {...}}"}
	}
	var errs []error
	expect := &yaml.Node{}
	for k, v := range pairs(top.Content[0]) {
		switch k.Value {
		case "api":
			f.API = v.Value
		case "given":
			errs = append(errs, f.World.give(v))
		case "expect":
			expect = v
		case "coverage":
			errs = append(errs, f.coverage(k, v))
		default:
			errs = append(errs, f.World.fault(k, nearest(k.Value, []string{"api", "given", "expect", "coverage"}), "unknown key %q", k.Value))
		}
	}
	if errors.Join(errs...) != nil {
		return nil, errors.Join(errs...) // expectations of a world that is not known say nothing
	}
	for _, n := range expect.Content {
		e, err := f.expectation(n)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		f.expect = append(f.expect, e)
	}
	return f, errors.Join(errs...)
}

func (f *File) coverage(k, v *yaml.Node) error {
	f.line = k.Line
	for k, v := range pairs(v) {
		switch k.Value {
		case "policies", "foreign_owner", "sql":
			if v.Value != "all" {
				return f.World.fault(v, k.Value+": all", "expected all, found %q", v.Value)
			}
			f.all.policies = f.all.policies || k.Value == "policies"
			f.all.foreign = f.all.foreign || k.Value == "foreign_owner"
			f.all.sql = f.all.sql || k.Value == "sql"
		case "open":
			for object, actions := range pairs(v) {
				for _, a := range actions.Content {
					if a.Value == selecting && slices.Contains(f.World.policy.Restricted(), object.Value) {
						f.openFields[object.Value] = true
						continue
					}
					if policy.ActionOf(a.Value) == policy.None || !slices.Contains(f.World.policy.Objects(), object.Value) {
						return f.World.fault(a, "open: {order: [read]}", "%s %s is nothing that somebody may do", a.Value, object.Value)
					}
					f.open[object.Value] = append(f.open[object.Value], policy.ActionOf(a.Value))
				}
			}
		default:
			return f.World.fault(k, nearest(k.Value, []string{"policies", "foreign_owner", "sql", "open"}), "unknown key %q", k.Value)
		}
	}
	return nil
}

// The sentences that are understood.
var (
	sentence = regexp.MustCompile(`^(\S+) (can|cannot) (.+?)(?: -> \[(.*)\])?$`)
	doing    = regexp.MustCompile(`^([a-z]+(?:, ?[a-z]+)*) (\S+)(?: (\S+))?$`)
)

// selecting is what is done to fields of GraphQL.
const selecting = "select"

const example = "alice can read, update order o1; bob cannot read order o1; alice can list order -> [o1]; alice can getStatus"

func (f *File) expectation(n *yaml.Node) (expectation, error) {
	e := expectation{line: n.Line, text: n.Value}
	m := sentence.FindStringSubmatch(strings.Join(strings.Fields(n.Value), " "))
	if n.Kind != yaml.ScalarNode || m == nil {
		return e, f.World.fault(n, example, "this is no expectation")
	}
	if e.lists = strings.Contains(n.Value, "->"); e.lists {
		for id := range strings.SplitSeq(m[4], ",") {
			if id = strings.TrimSpace(id); id != "" {
				e.ids = append(e.ids, id)
			}
		}
	}
	e.can = m[2] == "can"
	if _, known := f.World.callers[m[1]]; !known {
		return e, f.World.fault(n, nearest(m[1], f.World.names()), "there is no user %s", m[1])
	}
	if field, selects := strings.CutPrefix(m[3], selecting+" "); selects && !slices.Contains(f.World.policy.Objects(), field) {
		if !slices.Contains(f.World.policy.Fields(), field) || e.lists {
			says, fix, _ := strings.Cut(f.World.noField(field), "; write: ")
			return e, f.World.fault(n, m[1]+" can select "+fix, "%s", says)
		}
		e.question = []Question{{Who: m[1], Field: field}}
		return e, nil
	}
	parts := doing.FindStringSubmatch(m[3])
	if parts == nil { // an operation without an object
		if t := f.World.policy.Operation(m[3]); t == nil || t.Object != "" || e.lists {
			return e, f.World.fault(n, example, "%q is neither an action on an object nor an operation without one", m[3])
		}
		e.question = []Question{{Who: m[1], Name: m[3]}}
		return e, nil
	}
	if !slices.Contains(f.World.policy.Objects(), parts[2]) {
		return e, f.World.fault(n, nearest(parts[2], f.World.policy.Objects()), "there is no object %q", parts[2])
	}
	return e, f.actions(n, &e, m[1], parts)
}

func (f *File) actions(n *yaml.Node, e *expectation, who string, parts []string) error {
	for name := range strings.SplitSeq(parts[1], ",") {
		a := policy.ActionOf(strings.TrimSpace(name))
		switch {
		case a == policy.None:
			return f.World.fault(n, "read, update, delete, list or create", "there is no action %q", strings.TrimSpace(name))
		case e.lists && (a != policy.List || parts[3] != "" || !e.can):
			return f.World.fault(n, who+" can list "+parts[2]+" -> [o1]", "only lists are of several objects")
		case parts[3] == "" && a != policy.Create && !e.lists:
			return f.World.fault(n, who+" can "+a.String()+" "+parts[2]+" o1", "nothing says which %s", parts[2])
		case parts[3] != "" && f.World.objects[parts[2]][parts[3]] == nil:
			return f.World.fault(n, nearest(parts[3], f.World.order[parts[2]]), "there is no %s %s", parts[2], parts[3])
		}
		e.question = append(e.question, Question{Who: who, Action: a, Object: parts[2], ID: parts[3]})
	}
	for _, id := range e.ids {
		if f.World.objects[parts[2]][id] == nil {
			return f.World.fault(n, nearest(id, f.World.order[parts[2]]), "there is no %s %s", parts[2], id)
		}
	}
	return nil
}
