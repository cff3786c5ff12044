// Package authzen is the decision point for others: it serves the OpenID
// Authorization API 1.0 (AuthZEN) and answers by the policies and relations that the
// gateway itself decides by.
//
// It is an upstream of the gateway's own: who may ask at all, how often and in which
// form is enforced in front of it by the same controls as for every API. It defends
// from being told what it should find out: what is known here of a subject or a
// resource stands, whatever the question says of it, and what neither says makes the
// policy that needs it deny. Whatever cannot be decided is no.
package authzen

import (
	_ "embed"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/internal/relations"
)

// Name is what the gateway calls this API.
const Name = "authzen"

// The scopes of those who ask.
const (
	ScopeEvaluate = "authzen:evaluate"
	ScopeSearch   = "authzen:search"
)

//go:embed description.yaml
var description []byte

// Description returns the OpenAPI document of the API.
func Description() []byte { return slices.Clone(description) }

// Options is what a decision point decides by.
type Options struct {
	URL      string     // under which it is served, for its metadata: https://pdp.example.com
	Policies *cedar.Set // whose actions and types are asked for
	// Facts are what is known of subjects and resources.
	Facts *Facts
	// Relations answer context.rel; nil where there are none. Known returns the ids of
	// the objects of a type that tuples speak of, for searches.
	Relations relations.Relations
	Known     func(kind string) []string
	Zone      *time.Location // of context.local; nil is UTC
	Now       func() time.Time
	Log       *slog.Logger
}

// Server is the API. It is an [http.Handler].
type Server struct {
	options Options
	routes  *http.ServeMux
}

// mostBody is the longest question that is read.
const mostBody = 1 << 20

// New makes a server.
func New(o Options) *Server {
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	s := &Server{options: o, routes: http.NewServeMux()}
	s.routes.HandleFunc("GET /.well-known/authzen-configuration", s.metadata)
	for path, answer := range map[string]func(*http.Request, []byte) (reply, error){
		"evaluation": s.evaluation, "evaluations": s.evaluations,
		"search/subject": s.searchSubject, "search/resource": s.searchResource, "search/action": s.searchAction,
	} {
		s.routes.HandleFunc("POST /access/v1/"+path, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, answer) })
	}
	return s
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	if id := r.Header.Get("X-Request-ID"); id != "" && len(id) <= 128 {
		w.Header().Set("X-Request-ID", id) // section 10.1.3
	}
	s.routes.ServeHTTP(w, r)
}

// reply is what can be answered with 200.
type reply interface{ reply() }

// errMalformed is wrapped by what is wrong with a question; its text is for who asks.
var errMalformed = errors.New("authzen: malformed")

func (s *Server) serve(w http.ResponseWriter, r *http.Request, answer func(*http.Request, []byte) (reply, error)) {
	body, err := io.ReadAll(io.LimitReader(r.Body, mostBody+1))
	if err == nil && len(body) > mostBody {
		err = malformed("the question is too long")
	}
	var out reply
	if err == nil {
		out, err = answer(r, body)
	}
	switch {
	case errors.Is(err, errMalformed):
		_, says, _ := strings.Cut(err.Error(), errMalformed.Error()+": ")
		refuse(w, http.StatusBadRequest, "malformed", says)
	case err != nil:
		s.options.Log.Error("a question to the decision point failed", "path", r.URL.Path, "error", err)
		refuse(w, http.StatusInternalServerError, "failed", "The question could not be answered")
	default:
		write(w, http.StatusOK, "application/json", out)
	}
}

// problem is a problem document (RFC 9457).
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
}

func (problem) reply() {}

func refuse(w http.ResponseWriter, status int, reason, title string) {
	write(w, status, "application/problem+json", problem{"urn:gatehouse:problem:authzen." + reason, title, status})
}

func write(w http.ResponseWriter, status int, media string, v reply) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // of texts and booleans: it cannot fail
	}
	w.Header().Set("Content-Type", media)
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// configuration is the metadata of AuthZEN 1.0 section 9.
type configuration struct {
	PDP            string `json:"policy_decision_point"`
	Evaluation     string `json:"access_evaluation_endpoint"`
	Evaluations    string `json:"access_evaluations_endpoint"`
	SearchSubject  string `json:"search_subject_endpoint"`
	SearchResource string `json:"search_resource_endpoint"`
	SearchAction   string `json:"search_action_endpoint"`
}

func (configuration) reply() {}

func (s *Server) metadata(w http.ResponseWriter, _ *http.Request) {
	u := strings.TrimSuffix(s.options.URL, "/")
	write(w, http.StatusOK, "application/json", configuration{u, u + "/access/v1/evaluation", u + "/access/v1/evaluations",
		u + "/access/v1/search/subject", u + "/access/v1/search/resource", u + "/access/v1/search/action"})
}
