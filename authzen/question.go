package authzen

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
)

// entity is a subject or a resource (AuthZEN 1.0 sections 5.1 and 5.2).
type entity struct {
	Type       string                     `json:"type"`
	ID         string                     `json:"id,omitempty"`
	Properties map[string]json.RawMessage `json:"properties,omitempty"`
}

// action is what somebody would do (section 5.3).
type action struct {
	Name string `json:"name"`
}

// question is one evaluation (section 6.1).
type question struct {
	Subject  *entity                    `json:"subject"`
	Action   *action                    `json:"action"`
	Resource *entity                    `json:"resource"`
	Context  map[string]json.RawMessage `json:"context"`
}

// decision is the answer to one (section 6.2).
type decision struct {
	Decision bool     `json:"decision"`
	Context  *because `json:"context,omitempty"`
}

func (decision) reply() {}

// because is what the answer adds: which policies decided, or why nothing did.
type because struct {
	Policies []string `json:"policies,omitempty"`
	Error    *failure `json:"error,omitempty"`
}

type failure struct {
	Status  int    `json:"status"`
	Message string `json:"message"`
}

func failed(status int, message string) decision {
	return decision{Context: &because{Error: &failure{status, message}}}
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errMalformed, fmt.Sprintf(format, args...))
}

// longest is the most bytes of a type, an id or a name.
const longest = 1024

func (e *entity) check(what string, identified bool) error {
	switch {
	case e == nil:
		return malformed("%s is missing", what)
	case e.Type == "" || len(e.Type) > longest:
		return malformed("%s.type is missing", what)
	case identified && (e.ID == "" || len(e.ID) > longest):
		return malformed("%s.id is missing", what)
	}
	return nil
}

func (a *action) check() error {
	if a == nil || a.Name == "" || len(a.Name) > longest {
		return malformed("action.name is missing")
	}
	return nil
}

func (q *question) check() error {
	if err := q.Subject.check("subject", true); err != nil {
		return err
	}
	if err := q.Action.check(); err != nil {
		return err
	}
	return q.Resource.check("resource", true)
}

func read[T any](body []byte) (v T, err error) {
	if err := json.Unmarshal(body, &v); err != nil {
		return v, malformed("the body is not the JSON object that was expected")
	}
	return v, nil
}

func (s *Server) evaluation(r *http.Request, body []byte) (reply, error) {
	q, err := read[question](body)
	if err == nil {
		err = q.check()
	}
	if err != nil {
		return nil, err
	}
	return s.decide(r.Context(), &q), nil
}

// The semantics of several evaluations (section 7.1.2.1).
const (
	executeAll   = "execute_all"
	denyFirst    = "deny_on_first_deny"
	permitFirst  = "permit_on_first_permit"
	mostAtOnce   = 1000
	optionsError = "options.evaluations_semantic is one of execute_all, deny_on_first_deny, permit_on_first_permit"
)

// questions is several evaluations, with what those do not say that leave it out.
type questions struct {
	question
	Evaluations []question `json:"evaluations"`
	Options     struct {
		Semantic string `json:"evaluations_semantic"`
	} `json:"options"`
}

type decisions struct {
	Evaluations []decision `json:"evaluations"`
}

func (decisions) reply() {}

func (s *Server) evaluations(r *http.Request, body []byte) (reply, error) {
	all, err := read[questions](body)
	if err != nil {
		return nil, err
	}
	semantic := all.Options.Semantic
	switch {
	case semantic != "" && !slices.Contains([]string{executeAll, denyFirst, permitFirst}, semantic):
		return nil, malformed(optionsError)
	case len(all.Evaluations) > mostAtOnce:
		return nil, malformed("more than %d evaluations", mostAtOnce)
	case len(all.Evaluations) == 0: // it is one evaluation (section 7.1)
		if err := all.check(); err != nil {
			return nil, err
		}
		return s.decide(r.Context(), &all.question), nil
	}
	out := decisions{Evaluations: []decision{}}
	for _, q := range all.Evaluations {
		q = q.or(&all.question)
		d := decision{}
		if err := q.check(); err != nil {
			d = failed(http.StatusBadRequest, "the evaluation lacks a subject, an action or a resource")
		} else {
			d = s.decide(r.Context(), &q)
		}
		out.Evaluations = append(out.Evaluations, d)
		if semantic == denyFirst && !d.Decision || semantic == permitFirst && d.Decision {
			break
		}
	}
	return out, nil
}

// or takes what q does not say from the defaults, each member as a whole.
func (q question) or(defaults *question) question {
	if q.Subject == nil {
		q.Subject = defaults.Subject
	}
	if q.Action == nil {
		q.Action = defaults.Action
	}
	if q.Resource == nil {
		q.Resource = defaults.Resource
	}
	if q.Context == nil {
		q.Context = defaults.Context
	}
	return q
}
