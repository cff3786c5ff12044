package relations

import (
	"errors"
	"os"
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"
)

const corpus = "../../../shared/corpora/authz/openfga-consolidated.yaml"

// The codes of OpenFGA's errors.
const (
	codeTooComplex = 2002
)

type written struct{ Object, Relation, User string }

type stage struct {
	Model  string
	Tuples []written
	Check  []struct {
		Tuple       written
		Contextual  []written `yaml:"contextualTuples"`
		Expectation bool
		ErrorCode   int `yaml:"errorCode"`
	} `yaml:"checkAssertions"`
	List []struct {
		Request     struct{ User, Type, Relation string }
		Contextual  []written `yaml:"contextualTuples"`
		Expectation []string
		ErrorCode   int `yaml:"errorCode"`
	} `yaml:"listObjectsAssertions"`
}

func (w written) tuple() (Tuple, error) {
	o, err := ParseObject(w.Object)
	if err != nil {
		return Tuple{}, err
	}
	s, err := ParseSubject(w.User)
	return NewTuple(o, w.Relation, s), err
}

func tuplesOf(m *Model, list []written) (out []Tuple, err error) {
	for _, w := range list {
		t, err := w.tuple()
		if err == nil {
			err = m.Valid(t)
		}
		if err != nil {
			return nil, err
		}
		out = append(out, t)
	}
	return out, nil
}

// ran is how many cases of the corpus ran, and of them those whose no is an error.
type ran struct{ tests, checks, lists, cycles int }

// OpenFGA's own tests without conditions are answered as OpenFGA answers
// them. Where an exclusion leads back to itself OpenFGA says no, and so do we, by an
// error: whoever negates the answer again must not take it for one.
func TestOpenFGAsOwnTestsAreAnsweredAlike(t *testing.T) {
	type tests struct {
		Tests []struct {
			Name   string
			Stages []stage
		}
	}
	var file tests
	for _, path := range []string{corpus, "testdata/openfga-1.22.1.yaml"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Skip("the corpus is not here: ", err)
		}
		var one tests
		if err := yaml.Unmarshal(text, &one); err != nil {
			t.Fatal(err)
		}
		file.Tests = append(file.Tests, one.Tests...)
	}
	var n ran
	for _, c := range file.Tests {
		n.tests++
		t.Run(c.Name, func(t *testing.T) {
			x := NewIndex()
			for i := range c.Stages {
				n.stage(t, x, &c.Stages[i], i)
			}
		})
	}
	t.Logf("figure %d tests, %d checks, %d lists; %d of them are no because an exclusion depends on itself", n.tests, n.checks, n.lists, n.cycles)
	if want := (ran{138, 364, 272, 2}); n != want {
		t.Errorf("ran %+v; want %+v", n, want)
	}
}

func (n *ran) stage(t *testing.T, x *Index, s *stage, i int) {
	m, err := ParseModel("model.fga", s.Model)
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(m, x, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	add, err := tuplesOf(m, s.Tuples)
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Apply(Change{Revision: int64(i + 1), Whole: i == 0, Add: add}); err != nil {
		t.Fatal(err)
	}
	for _, a := range s.Check {
		n.checks++
		got, err := e.checked(t, a.Tuple, a.Contextual)
		n.same(t, a.ErrorCode, err, got == a.Expectation && a.Expectation || !got && !a.Expectation, !a.Expectation, "check %+v: %v, %v; want %v, error %d", a.Tuple, got, err, a.Expectation, a.ErrorCode)
	}
	for _, a := range s.List {
		n.lists++
		got, err := e.listed(t, a.Request.User, a.Request.Relation, a.Request.Type, a.Contextual)
		slices.Sort(a.Expectation)
		n.same(t, a.ErrorCode, err, slices.Equal(got, a.Expectation), len(a.Expectation) == 0, "list %+v: %v, %v; want %v, error %d", a.Request, got, err, a.Expectation, a.ErrorCode)
	}
}

// same judges an answer: none is one of the expected answer no.
func (n *ran) same(t *testing.T, code int, err error, equal, none bool, says string, args ...any) {
	t.Helper()
	switch {
	case errors.Is(err, ErrCycle) && none && code == 0:
		n.cycles++
		return
	case code == codeTooComplex && errors.Is(err, ErrTooDeep), code != 0 && code != codeTooComplex && errors.Is(err, ErrInvalid):
		return
	case code != 0 || err != nil || !equal:
		t.Errorf(says, args...)
	}
}

func (e *Engine) asked(t *testing.T, contextual []written) (reader, error) {
	t.Helper()
	s, err := e.index.At(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	more, err := tuplesOf(e.Model(), contextual)
	if err != nil || len(more) == 0 {
		return s, err
	}
	return e.index.with(s, more)
}

func (e *Engine) checked(t *testing.T, w written, contextual []written) (bool, error) {
	q, err := w.tuple()
	if err != nil {
		return false, err
	}
	from, err := e.asked(t, contextual)
	if err != nil {
		return false, err
	}
	return e.checkIn(t.Context(), from, q.Subject(), w.Relation, q.Object())
}

func (e *Engine) listed(t *testing.T, user, relation, kind string, contextual []written) (out []string, err error) {
	s, err := ParseSubject(user)
	if err != nil {
		return nil, err
	}
	from, err := e.asked(t, contextual)
	if err != nil {
		return nil, err
	}
	ids, err := e.listIn(t.Context(), from, s, relation, kind, 1000)
	for _, id := range ids {
		out = append(out, Object{kind, id}.String())
	}
	return out, err
}
