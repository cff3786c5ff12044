package idp

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/luikyv/go-oidc/pkg/goidc"

	"github.com/gatehouse-api/gatehouse/store"
)

// The bounds of a request's form, in bytes. An identity provider has a browser post
// an answer of many attributes; the pages hold their own forms to less.
const (
	mostForm   = 64 << 10
	mostPosted = 512 << 10
)

// fieldDPoP carries a proof of possession (RFC 9449 section 4.1), spelled as
// [http.Header] has it.
const fieldDPoP = "Dpop"

// asked is what the library's callbacks must know of the request.
type asked struct {
	endpoint string
	id       string // of the request, for the log and the client's operator
	// basic is whether the client proves itself by Basic, with this name and secret.
	basic        bool
	name, secret string
	// proven is the client that proved itself before the library is asked, or "".
	proven string
	// pass is the secret of the proven client for this one request.
	pass string
	// certificate is of the client's connection, or nil; binds is whether the client's
	// tokens are bound to it (RFC 8705 section 3).
	certificate *x509.Certificate
	binds       bool
	client      *store.Client // that the library has looked up, or nil
	dpop        string        // the proof of possession, or ""
	token       string        // that the request is about, at the endpoint for revoking
}

type askedKey struct{}

// askedIn returns what is known of the request, or the zero value.
func askedIn(ctx context.Context) *asked {
	if a, ok := ctx.Value(askedKey{}).(*asked); ok {
		return a
	}
	return &asked{}
}

func endpointOf(ctx context.Context) string { return askedIn(ctx).endpoint }

// ServeHTTP serves the endpoints. What is not listed here does not exist, whatever
// the library has routes for.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	path, method := r.URL.Path, r.Method
	most := int64(mostForm)
	if strings.HasPrefix(path, PagesPath) {
		most = mostPosted
	}
	r.Body = http.MaxBytesReader(w, r.Body, most)
	get, post := method == http.MethodGet, method == http.MethodPost
	switch {
	case (path == pathOIDC || path == pathOAuth) && get:
		s.document(w, "application/json", s.metadata)
	case path == pathJWKS && get:
		s.document(w, "application/jwk-set+json", s.options.Keys.JWKS())
	case (path == pathToken || path == pathRevoke || path == pathIntrospect) && post, path == pathPAR && post && s.people():
		s.form(w, r, path)
	case path == pathUserinfo && (get || post) && s.people():
		s.userinfo(w, r)
	case path == pathAuthorize && (get || post) && s.people():
		s.authorize(w, r)
	case strings.HasPrefix(path, pathAuthorize+"/") && (get || post) && s.people():
		s.pass(w, r, &asked{endpoint: pathAuthorize + "/"})
	case path == pathDevice && post && s.people():
		s.form(w, r, path)
	case path == DevicePath && (get || post) && s.people():
		s.device(w, r)
	case strings.HasPrefix(path, DevicePath+"/") && (get || post) && s.people():
		s.pass(w, r, &asked{endpoint: DevicePath + "/"})
	case path == pathLogout && (get || post) && s.people():
		s.logout(w, r)
	case strings.HasPrefix(path, PagesPath) && s.people() && s.options.Login.Pages() != nil:
		s.options.Login.Pages().ServeHTTP(w, r)
	default:
		http.Error(w, "there is nothing here", http.StatusNotFound)
	}
}

// userinfo serves the userinfo endpoint, with what a token may be bound to.
func (s *Server) userinfo(w http.ResponseWriter, r *http.Request) {
	a := &asked{endpoint: pathUserinfo, id: RequestID(r)}
	var err error
	if a.certificate, err = s.shown(r); err != nil {
		s.unproven(w, a, err)
		return
	}
	s.pass(w, r, a)
}

func (s *Server) document(w http.ResponseWriter, kind string, body []byte) {
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "max-age=300")
	_, _ = w.Write(body)
}

// form serves an endpoint that a client calls with a form.
func (s *Server) form(w http.ResponseWriter, r *http.Request, endpoint string) {
	a := &asked{endpoint: endpoint, id: RequestID(r), dpop: r.Header.Get(fieldDPoP)}
	switch {
	case !s.accepted(w, r, a):
	case endpoint == pathDevice:
		s.beginDevice(w, r, a)
	case ours(r, a):
		s.clientCredentials(w, r, a)
	default:
		a.token = r.PostForm.Get("token")
		s.pass(w, r, a)
	}
}

// accepted reports whether a form is one that can be judged, of a client that is
// proven as far as [Server.prove] goes; it has answered one that is not.
func (s *Server) accepted(w http.ResponseWriter, r *http.Request, a *asked) bool {
	basicOK, says := a.byBasic(r), ""
	switch {
	case r.URL.RawQuery != "":
		says = "parameters belong into the body" // RFC 6749 section 3.2: a query is logged
	case !isForm(r):
		says = "the body must be application/x-www-form-urlencoded"
	case readForm(r) != nil:
		says = "the body cannot be read"
	case ways(r, a.basic) > 1:
		says = "a client proves itself in one way" // RFC 6749 section 2.3
	case len(r.Header.Values("Authorization")) > 1 || len(r.Header.Values(fieldDPoP)) > 1:
		says = "a field is here twice"
	case !a.basic && r.Header.Get("Authorization") != "":
		says = "clients prove themselves by Basic or in the body"
	case !basicOK:
		says = "the credentials of Basic are not form-encoded"
	default:
		if name := repeated(r.PostForm); name != "" {
			says = "a parameter is here twice"
		} else if a.endpoint == pathPAR {
			says = incomplete(r.PostForm)
		}
	}
	if says != "" {
		s.refuse(w, a, http.StatusBadRequest, "invalid_request", says)
		return false
	}
	if err := s.prove(r, a); err != nil {
		s.unproven(w, a, err)
		return false
	}
	return true
}

// authorize serves the beginning of an authorization. What is refused here is not
// told to the redirect URI: nobody knows yet whose it is.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	params, err := parameters(r)
	says := ""
	switch {
	case err != nil, r.Method == http.MethodPost && !isForm(r):
		says = "The request cannot be read."
	case repeated(params) != "":
		says = "A parameter of the request is there twice."
	case params.Has("request"):
		says = "Request objects are not accepted."
	case params.Get("response_mode") != "" && params.Get("response_mode") != "query":
		says = "Answers go into the query of the redirect URI." // the library would answer by a script of its own
	case params.Has("request_uri") && others(params):
		says = "A pushed request comes with its client_id and nothing else." // RFC 9126 section 4
	}
	if says != "" {
		s.page(w, http.StatusBadRequest, says)
		return
	}
	if r.Method == http.MethodPost {
		// The form comes from another site, hence without our cookies (SameSite=Lax):
		// nobody would be signed in. With the redirect they come.
		http.Redirect(w, r, pathAuthorize+"?"+params.Encode(), http.StatusSeeOther)
		return
	}
	s.pass(w, r, &asked{endpoint: pathAuthorize})
}

// incomplete says why an authorization request must not be pushed, or "": what would
// be refused later is refused when its client can still be told (RFC 9126 section 2.3).
func incomplete(params url.Values) string {
	switch mode := params.Get("response_mode"); {
	case params.Has("request"):
		return "request objects are not accepted"
	case params.Get("redirect_uri") == "":
		return "redirect_uri is missing"
	case params.Get("code_challenge") == "" || params.Get("code_challenge_method") != "S256":
		return "code_challenge must be there, and code_challenge_method S256"
	case mode != "" && mode != "query":
		return "response_mode must be query"
	}
	return odd(params)
}

// odd says what is wrong with parameters of an authorization request that the library
// does not look at, or "" (OpenID Connect Core 1.0 section 3.1.2.1).
func odd(params url.Values) string {
	prompts := strings.Fields(params.Get("prompt"))
	_, err := strconv.ParseUint(params.Get("max_age"), 10, 31)
	switch {
	case params.Has("max_age") && err != nil:
		return "max_age must be a number of seconds"
	case len(prompts) > 1 && slices.Contains(prompts, "none"):
		return "prompt none comes alone"
	case slices.ContainsFunc(prompts, func(p string) bool {
		return !slices.Contains([]string{"none", "login", "consent", "select_account"}, p)
	}):
		return "prompt must be of none, login, consent and select_account"
	}
	return ""
}

func others(params url.Values) bool {
	for name := range params {
		if !slices.Contains([]string{"client_id", "request_uri"}, name) {
			return true
		}
	}
	return false
}

func (s *Server) pass(w http.ResponseWriter, r *http.Request, a *asked) {
	a.id = RequestID(r)
	s.library.ServeHTTP(&answer{ResponseWriter: w, asked: a}, r.WithContext(context.WithValue(r.Context(), askedKey{}, a)))
}

// RequestID returns the id by which the gateway in front knows the request, or a new
// one: 64 printable characters at most.
func RequestID(r *http.Request) string {
	id := r.Header.Get("X-Request-Id")
	if id == "" || len(id) > 64 || strings.ContainsFunc(id, func(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' }) {
		return random(r.Context())[:16]
	}
	return id
}

// refuse answers a form that the library never sees.
func (s *Server) refuse(w http.ResponseWriter, a *asked, status int, code, says string) {
	body, err := json.Marshal(map[string]string{"error": code, "error_description": says})
	if err != nil {
		s.log.Error("an error was not written", "error", err)
	}
	out := &answer{ResponseWriter: w, asked: a}
	out.Header().Set("Content-Type", "application/json")
	out.WriteHeader(status)
	_, _ = out.Write(body)
}

// wrongProof is how the library describes a DPoP proof that does not hold; it has
// no code of its own for it.
const wrongProof = "invalid DPoP proof"

// answer is a response whose errors say by which id the log knows more, and are of
// the status that the standard has for them.
type answer struct {
	http.ResponseWriter
	asked  *asked
	status int // of an error that is not written yet
}

// WriteHeader implements [http.ResponseWriter].
func (a *answer) WriteHeader(status int) {
	if status >= http.StatusBadRequest && a.Header().Get("Content-Type") == "application/json" {
		a.status = status // the library writes the whole object next
		return
	}
	a.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (a *answer) Write(b []byte) (int, error) {
	if a.status == 0 {
		return a.ResponseWriter.Write(b)
	}
	status := a.status
	a.status = 0
	var e map[string]string
	if json.Unmarshal(b, &e) != nil {
		e = map[string]string{"error": "server_error"}
	}
	if a.asked.endpoint == pathUserinfo && e["error"] == "unauthorized_client" {
		e["error"], status = "invalid_token", http.StatusUnauthorized // bound, and shown without what it is bound to
	}
	switch code := e["error"]; {
	case e["error_description"] == wrongProof:
		e["error"] = "invalid_dpop_proof" // RFC 9449 section 5
	case code == "internal_error":
		e["error"], status = "server_error", http.StatusInternalServerError
	case code == "unauthorized_client", code == "access_denied" && a.asked.endpoint == pathToken:
		status = http.StatusBadRequest // RFC 6749 section 5.2
	case code == "invalid_client" && a.asked.basic:
		a.Header().Set("WWW-Authenticate", `Basic realm="clients"`)
	case code == "invalid_token":
		a.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`) // RFC 6750 section 3
	}
	e["error_description"] = strings.TrimSpace(e["error_description"] + " (request " + a.asked.id + ")")
	out, err := json.Marshal(e)
	if err != nil {
		return 0, err
	}
	a.ResponseWriter.WriteHeader(status)
	if _, err := a.ResponseWriter.Write(out); err != nil {
		return 0, err
	}
	return len(b), nil
}

// Unwrap lets [http.ResponseController] find the response.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// failed writes down what a client is not told.
func (s *Server) failed(ctx context.Context, err error) {
	a := askedIn(ctx)
	s.log.Info("refused", "endpoint", a.endpoint, "request", a.id, "cause", err.Error())
}

// renderError tells a person that an authorization cannot go on, and where nothing
// may be told to a redirect URI.
func (s *Server) renderError(w http.ResponseWriter, r *http.Request, err error) error {
	status, says := http.StatusInternalServerError, "Something went wrong on our side."
	if e, ok := errors.AsType[goidc.Error](err); ok {
		status, says = http.StatusBadRequest, "This link cannot be used: "+e.Description+"."
	}
	if refusal, ok := errors.AsType[goidc.Error](err); ok && refusal.Code == goidc.ErrorCodeAccessDenied && endpointOf(r.Context()) == DevicePath+"/" {
		status, says = http.StatusOK, "The device gets no access. You can close this page."
	}
	s.page(w, status, says+" ("+askedIn(r.Context()).id+")")
	return nil
}

// page writes a page with one sentence on it.
func (s *Server) page(w http.ResponseWriter, status int, says string) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; form-action 'none'; base-uri 'none'")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(`<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Login</title><p>` +
		template.HTMLEscapeString(says) + "</p></html>\n"))
}
