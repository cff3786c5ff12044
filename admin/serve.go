package admin

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gatehouse-api/gatehouse/internal/learned"
	"github.com/gatehouse-api/gatehouse/record"
	"github.com/gatehouse-api/gatehouse/store"
)

// The paths that are served.
const (
	pathHealth  = "/healthz"
	pathReady   = "/readyz"
	pathMetrics = "/metrics"
	pathExplain = "/v1/explain/" // and the request id
	pathPlan    = "/v1/plan"
	pathLearned = "/v1/owners/suggestions"
	pathKeys    = "/.well-known/jwks.json"
)

const (
	jsonType   = "application/json"
	maxID      = 128
	ownUser    = "admin" // of Basic credentials, for browsers; the password is the token
	badgeRealm = `realm="gatehouse admin"`
)

// serve answers one request: who may ask at all, then what is asked, then the token.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	protect(w.Header())
	if reason := s.foreign(r); reason != "" {
		problem(w, http.StatusForbidden, "admin.foreign", reason)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		problem(w, http.StatusMethodNotAllowed, "admin.method", "Nothing can be changed here.")
		return
	}
	// A path that is spelled in an unusual way names nothing here.
	if r.URL.RawPath != "" || r.URL.Fragment != "" {
		problem(w, http.StatusNotFound, "admin.not_found", "There is nothing here.")
		return
	}
	switch {
	case r.URL.Path == pathHealth:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok\n"))
	case r.URL.Path == pathKeys && s.config.JWKS != nil:
		s.config.JWKS.ServeHTTP(w, r)
	case !s.authorized(r):
		w.Header().Add("WWW-Authenticate", "Bearer "+badgeRealm)
		w.Header().Add("WWW-Authenticate", "Basic "+badgeRealm+`, charset="UTF-8"`)
		problem(w, http.StatusUnauthorized, "admin.token", "The admin token is needed; it is kept in the state folder.")
	default:
		s.route(w, r)
	}
}

// route answers a request that carries the token.
func (s *Server) route(w http.ResponseWriter, r *http.Request) {
	if id, ok := strings.CutPrefix(r.URL.Path, pathExplain); ok {
		s.explain(w, r, id)
		return
	}
	switch r.URL.Path {
	case "/":
		s.page(w)
	case pathMetrics:
		w.Header().Set("Content-Type", record.MetricsType)
		if err := s.config.Recorder.WriteMetrics(w); err != nil {
			s.config.Log.Error("admin: writing the metrics", "error", err)
		}
	case pathReady:
		s.ready(w)
	case pathPlan:
		s.plan(w, r)
	case pathLearned:
		s.learned(w)
	default:
		problem(w, http.StatusNotFound, "admin.not_found", "There is nothing here.")
	}
}

// protect sets the header fields of every answer.
func protect(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src '"+styleHash+"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
}

// foreign returns why a request does not come from an operator of this
// machine, or "". It needs no secret, so it also guards what is open.
func (s *Server) foreign(r *http.Request) string {
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	named := func(h string) bool { return strings.EqualFold(h, host) }
	if !loopback(host) && !slices.ContainsFunc(s.config.Hosts, named) {
		return "This host name is not served here."
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
	default:
		return "Another site has caused this request."
	}
	for _, origin := range r.Header.Values("Origin") {
		scheme := "http://"
		if r.TLS != nil {
			scheme = "https://"
		}
		if !strings.EqualFold(origin, scheme+r.Host) {
			return "Another site has caused this request."
		}
	}
	return ""
}

// authorized reports whether the request carries the token, as Bearer (RFC
// 6750) or, for browsers, as the password of Basic (RFC 7617).
func (s *Server) authorized(r *http.Request) bool {
	given := r.Header.Values("Authorization")
	if len(given) != 1 {
		return false
	}
	scheme, token, _ := strings.Cut(given[0], " ")
	if user, password, ok := r.BasicAuth(); ok {
		if user != ownUser {
			return false
		}
		token = password
	} else if !strings.EqualFold(scheme, "Bearer") {
		return false
	}
	sum := sha256.Sum256([]byte(token))
	return subtle.ConstantTimeCompare(sum[:], s.token[:]) == 1
}

// explain answers with the trail of one request.
func (s *Server) explain(w http.ResponseWriter, r *http.Request, id string) {
	if !ValidID(id) {
		problem(w, http.StatusBadRequest, "admin.id", "This is not a request id.")
		return
	}
	trail, err := s.config.Recorder.Find(r.Context(), id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		problem(w, http.StatusNotFound, "admin.no_trail", "No trail is kept of this request: it is too old, it passed and was not sampled, or it was not asked here.")
	case err != nil:
		s.config.Log.Error("admin: explaining", "error", err)
		problem(w, http.StatusInternalServerError, "admin.store", "The store cannot be read.")
	default:
		s.answer(w, http.StatusOK, trail)
	}
}

// ValidID reports whether s can be a request id: 1 to 128 letters, digits and
// the marks of ids that trusted proxies send. It names no file (R34).
func ValidID(s string) bool {
	if len(s) == 0 || len(s) > maxID {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') && c != '-' && c != '_' && c != '.' && c != ':' {
			return false
		}
	}
	return strings.Trim(s, ".") != ""
}

// plan answers with the compiled plan of an endpoint.
func (s *Server) plan(w http.ResponseWriter, r *http.Request) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil || len(q) != 2 || len(q["method"]) != 1 || len(q["path"]) != 1 {
		problem(w, http.StatusBadRequest, "admin.query", "Ask with one method and one path: /v1/plan?method=GET&path=/v1/orders/{id}.")
		return
	}
	e := record.Match(s.config.Endpoints(), q.Get("method"), q.Get("path"))
	if e == nil {
		problem(w, http.StatusNotFound, "admin.no_endpoint", "No endpoint takes this method and path.")
		return
	}
	s.answer(w, http.StatusOK, record.PlanOf(e))
}

// learned answers with what was learned of whose the objects are: figures and names of
// the description, and no id.
func (s *Server) learned(w http.ResponseWriter) {
	answer := learned.Report{Kinds: []learned.Findings{}}
	if s.config.Learned != nil {
		answer = s.config.Learned()
	}
	s.answer(w, http.StatusOK, answer)
}

// ready answers with the conditions of readiness: 503 unless all hold.
func (s *Server) ready(w http.ResponseWriter) {
	answer := struct {
		Ready  bool    `json:"ready"`
		Checks []Check `json:"checks"`
	}{Ready: true, Checks: []Check{}}
	if s.config.Ready != nil {
		answer.Checks = append(answer.Checks, s.config.Ready()...)
	}
	status := http.StatusOK
	for _, c := range answer.Checks {
		if !c.OK {
			answer.Ready, status = false, http.StatusServiceUnavailable
		}
	}
	s.answer(w, status, answer)
}

// answer writes v as JSON. v is one of our own types.
func (s *Server) answer(w http.ResponseWriter, status int, v any) {
	body, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		s.config.Log.Error("admin: writing an answer", "error", err)
		problem(w, http.StatusInternalServerError, "admin.answer", "The answer cannot be written.")
		return
	}
	w.Header().Set("Content-Type", jsonType)
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
}

// problem writes a problem document (RFC 9457). reason and title are constants.
func problem(w http.ResponseWriter, status int, reason, title string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(`{"type":"urn:gatehouse:problem:` + reason + `","title":` + strconv.Quote(title) + `,"status":` + strconv.Itoa(status) + "}\n"))
}
