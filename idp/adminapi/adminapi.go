// Package adminapi serves what operators do over HTTP: the operations of package
// operator, by the OpenAPI document in [Description].
//
// It is an upstream of the gateway's own: token, audience, scopes, roles, limits,
// schemas and headers are enforced in front of it, by the same controls as for every
// API. Nothing that reaches it is believed for having reached it: who the caller is
// stands in the gateway's signed statement, which is verified here, and the scope of
// an operation is asked for a second time. What a caller may see and change is judged
// by the operations themselves.
//
// It defends from the administrator's browser (a page that sends requests here, a name
// that suddenly resolves to this machine: Origin, Sec-Fetch-Site and, in front, Host),
// from cursors that somebody made (they are sealed), from changes made on what is not
// so any more (If-Match), and from secrets that stay somewhere (they are shown once and
// never stored, cached or logged).
package adminapi

import (
	_ "embed"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse/idp/operator"
	"github.com/gatehouse-api/gatehouse/internal/jose"
	"github.com/gatehouse-api/gatehouse/store"
)

// Name is what the gateway calls this API: its statements about callers are for it.
const Name = "idp-admin"

//go:embed description.yaml
var description []byte

// Description returns the OpenAPI document of the API.
func Description() []byte { return slices.Clone(description) }

// Options is what a server is made of.
type Options struct {
	Desk   *operator.Desk
	Issuer string // whose subjects the callers are
	// Identity is the keys by which the gateway signs who a caller is.
	Identity *jose.Set
	Seal     []byte   // 32 random bytes, for cursors
	Origins  []string // of pages that may call; none is none
	Log      *slog.Logger
}

// Server is the API. It is an [http.Handler].
type Server struct {
	options  Options
	routes   *http.ServeMux
	cursors  *cursors
	identity *jose.Source
}

// New makes a server.
func New(o Options) (*Server, error) {
	c, err := newCursors(o.Seal)
	if err != nil {
		return nil, err
	}
	s := &Server{options: o, cursors: c, routes: http.NewServeMux(), identity: jose.Fixed(o.Identity)}
	for _, e := range endpoints() {
		s.routes.Handle(e.pattern, s.handler(e))
	}
	s.routes.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { refuse(w, notFound, "") })
	return s, nil
}

// Scopes returns every scope that an operation asks for.
func Scopes() (list []string) {
	for _, e := range endpoints() {
		list = append(list, e.scope)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Roles returns which operations a role may call at all: what it reaches with them, the
// operations judge.
func Roles() map[string][]string {
	roles := map[string][]string{}
	for _, e := range endpoints() {
		roles[operator.RoleOperator] = append(roles[operator.RoleOperator], e.id)
		if e.tenants {
			roles[operator.RoleTenantAdmin] = append(roles[operator.RoleTenantAdmin], e.id)
		}
	}
	return roles
}

// endpoint is one operation.
type endpoint struct {
	id      string // operationId
	pattern string // of [http.ServeMux]
	scope   string
	tenants bool // administrators of tenants may call it, too
	do      func(*call) error
}

// endpoints is the table of the operations: those of the description.
func endpoints() []endpoint {
	return []endpoint{
		{"listUsers", "GET /v1/users", "admin:users:read", true, (*call).listUsers},
		{"addUser", "POST /v1/users", "admin:users:write", true, (*call).addUser},
		{"getUser", "GET /v1/users/{userId}", "admin:users:read", true, (*call).getUser},
		{"changeUser", "PATCH /v1/users/{userId}", "admin:users:write", true, (*call).changeUser},
		{"removeUser", "DELETE /v1/users/{userId}", "admin:users:write", true, (*call).removeUser},
		{"replacePassword", "PUT /v1/users/{userId}/password", "admin:users:write", true, (*call).replacePassword},
		{"removeSecondFactor", "DELETE /v1/users/{userId}/second-factor", "admin:users:write", true, (*call).removeSecondFactor},
		{"listUserSessions", "GET /v1/users/{userId}/sessions", "admin:sessions:read", true, (*call).listSessions},
		{"endUserSessions", "DELETE /v1/users/{userId}/sessions", "admin:sessions:write", true, (*call).endUserSessions},
		{"endUserSession", "DELETE /v1/users/{userId}/sessions/{browserId}", "admin:sessions:write", true, (*call).endUserSession},
		{"listSessions", "GET /v1/sessions", "admin:sessions:read", true, (*call).listSessions},
		{"listClients", "GET /v1/clients", "admin:clients:read", false, (*call).listClients},
		{"addClient", "POST /v1/clients", "admin:clients:write", false, (*call).addClient},
		{"getClient", "GET /v1/clients/{clientId}", "admin:clients:read", false, (*call).getClient},
		{"changeClient", "PATCH /v1/clients/{clientId}", "admin:clients:write", false, (*call).changeClient},
		{"removeClient", "DELETE /v1/clients/{clientId}", "admin:clients:write", false, (*call).removeClient},
		{"rotateClientSecret", "POST /v1/clients/{clientId}/secrets", "admin:clients:write", false, (*call).rotateSecret},
		{"listTenants", "GET /v1/tenants", "admin:tenants:read", true, (*call).listTenants},
		{"addTenant", "POST /v1/tenants", "admin:tenants:write", false, (*call).addTenant},
		{"getTenant", "GET /v1/tenants/{tenantId}", "admin:tenants:read", true, (*call).getTenant},
		{"changeTenant", "PATCH /v1/tenants/{tenantId}", "admin:tenants:write", false, (*call).changeTenant},
		{"removeTenant", "DELETE /v1/tenants/{tenantId}", "admin:tenants:write", false, (*call).removeTenant},
		{"listRoles", "GET /v1/roles", "admin:users:read", true, (*call).listRoles},
		{"listRelations", "GET /v1/relations", "admin:relations:read", false, (*call).listRelations},
		{"writeRelations", "POST /v1/relations", "admin:relations:write", false, (*call).writeRelations},
		{"listKeys", "GET /v1/keys", "admin:keys:read", false, (*call).listKeys},
		{"rotateKeys", "POST /v1/keys", "admin:keys:write", false, (*call).rotateKeys},
	}
}

// ServeHTTP implements [http.Handler].
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if s.foreign(r) {
		refuse(w, foreign, "")
		return
	}
	s.routes.ServeHTTP(w, r)
}

// foreign reports whether a page has caused the request that may not. Programs send
// neither field.
func (s *Server) foreign(r *http.Request) bool {
	origins := r.Header.Values("Origin")
	if len(origins) > 0 {
		return len(origins) > 1 || !slices.Contains(s.options.Origins, origins[0])
	}
	site := r.Header.Get("Sec-Fetch-Site")
	return site != "" && site != "none" && site != "same-origin"
}

// call is one request whose caller is known.
type call struct {
	*Server
	w  http.ResponseWriter
	r  *http.Request
	by operator.By
}

// mostBody bounds a request's body, in bytes.
const mostBody = 256 << 10

func (s *Server) handler(e endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		by, err := s.caller(r, &e)
		if err == nil {
			r.Body = http.MaxBytesReader(w, r.Body, mostBody)
			err = e.do(&call{Server: s, w: w, r: r, by: by})
		}
		if err != nil {
			s.fail(w, r, err)
		}
	})
}

var errCaller = errors.New("adminapi: nothing proves who the caller is")

// caller reads the gateway's statement: who it is, and how far they reach.
func (s *Server) caller(r *http.Request, e *endpoint) (operator.By, error) {
	var by operator.By
	statements := r.Header.Values("Gatehouse-Identity")
	if len(statements) != 1 {
		return by, errCaller
	}
	c, err := s.statement(r.Context(), statements[0])
	if err != nil {
		return by, errors.Join(errCaller, err)
	}
	if !slices.Contains(strings.Fields(c.Scope), e.scope) {
		return by, operator.ErrForbidden
	}
	switch {
	case slices.Contains(c.Roles, operator.RoleOperator):
		by.Reach = operator.Everywhere()
	case e.tenants && slices.Contains(c.Roles, operator.RoleTenantAdmin) && c.Tenant != "":
		by.Reach = operator.Within(c.Tenant)
	default:
		return by, operator.ErrForbidden
	}
	if by.Name = c.Subject; c.Client != "" && c.Client != c.Subject {
		by.Name += ", by " + c.Client
	}
	return by, nil
}

// kind is one way in which a request is refused.
type kind struct {
	status        int
	reason, title string
}

var (
	notFound  = kind{http.StatusNotFound, "admin.not_found", "There is nothing here"}
	foreign   = kind{http.StatusForbidden, "admin.foreign", "A page of another site has caused this request"}
	unproven  = kind{http.StatusForbidden, "admin.caller", "Nothing proves who the caller is"}
	forbidden = kind{http.StatusForbidden, "admin.forbidden", "The caller may not do this"}
	exists    = kind{http.StatusConflict, "admin.exists", "There is one of that name already"}
	stale     = kind{http.StatusPreconditionFailed, "admin.stale", "It is not any more what the caller has seen"}
	unseen    = kind{http.StatusPreconditionRequired, "admin.unseen", "A change says what was seen: send the ETag in If-Match"}
	malformed = kind{http.StatusBadRequest, "admin.malformed", "The request cannot be read"}
	wrong     = kind{http.StatusUnprocessableEntity, "admin.invalid", "This cannot be done"}
	broken    = kind{http.StatusInternalServerError, "admin.failed", "Something went wrong on our side"}
)

// The errors of requests, beside those of the operations.
var (
	errMalformed = errors.New("adminapi: malformed")
	errUnseen    = errors.New("adminapi: a change without If-Match")
)

func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	says, sayable := operator.Says(err)
	switch {
	case errors.Is(err, errCaller):
		s.options.Log.Warn("a request without a statement of the gateway", "path", r.URL.Path, "error", err)
		refuse(w, unproven, "")
	case errors.Is(err, errMalformed):
		refuse(w, malformed, "")
	case errors.Is(err, errUnseen):
		refuse(w, unseen, "")
	case errors.Is(err, operator.ErrForbidden):
		refuse(w, forbidden, "")
	case errors.Is(err, operator.ErrStale):
		refuse(w, stale, "")
	case errors.Is(err, store.ErrNotFound):
		refuse(w, notFound, "")
	case errors.Is(err, store.ErrExists):
		refuse(w, exists, "")
	case sayable:
		refuse(w, wrong, says)
	default:
		s.options.Log.Error("an operation of the admin API failed", "path", r.URL.Path, "request", r.Header.Get("X-Request-Id"), "error", err)
		refuse(w, broken, "")
	}
}

// problem is a problem document (RFC 9457).
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
}

func refuse(w http.ResponseWriter, k kind, detail string) {
	write(w, k.status, "application/problem+json", problem{"urn:gatehouse:problem:" + k.reason, k.title, k.status, detail})
}

// write answers with JSON. v is one of our own types.
func write[T any](w http.ResponseWriter, status int, media string, v T) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // of texts, numbers and times: it cannot fail
	}
	w.Header().Set("Content-Type", media)
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// answer is a success.
func answer[T any](c *call, status int, v T) error {
	write(c.w, status, "application/json", v)
	return nil
}

// done is a success with nothing to show.
func (c *call) done(err error) error {
	if err == nil {
		c.w.WriteHeader(http.StatusNoContent)
	}
	return err
}

// tag puts the version of what is shown into the answer.
func (c *call) tag(v operator.Version) { c.w.Header().Set("ETag", `"`+string(v)+`"`) }

// seen returns the version of what the caller has seen; "*" is whatever there is.
func (c *call) seen(required bool) (operator.Version, error) {
	given := c.r.Header.Values("If-Match")
	switch {
	case len(given) == 0 && required:
		return "", errUnseen
	case len(given) == 0 || len(given) == 1 && given[0] == "*":
		return "", nil
	}
	v, ok := strings.CutPrefix(given[0], `"`)
	v, closed := strings.CutSuffix(v, `"`)
	if len(given) > 1 || !ok || !closed || v == "" || strings.ContainsAny(v, `", `) {
		return "", errMalformed
	}
	return operator.Version(v), nil
}

// read reads the body, which is one JSON object of the members of T.
func read[T any](c *call) (v T, err error) {
	d := json.NewDecoder(c.r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return v, errors.Join(errMalformed, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return v, errMalformed
	}
	return v, nil
}
