package identity

import (
	"context"
	"errors"
	"net/http"
	"strconv"
)

// Middleware returns next behind the gateway: a request without a statement that
// verifies is answered 401 (503 when the gateway's keys are not there) with a problem
// document (RFC 9457), and next is not called. Routes that the gateway serves to
// everybody (public) carry no statement and stand outside of it.
func (v *Verifier) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i, err := v.request(r)
		if err != nil {
			v.refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), key{}, i)))
	})
}

// request verifies the one statement of a request. The gateway writes one; a second
// one is somebody else's.
func (v *Verifier) request(r *http.Request) (*Identity, error) {
	switch values := r.Header[v.header]; len(values) {
	case 0:
		return nil, ErrMissing
	case 1:
		return v.verify(r.Context(), values[0])
	default:
		return nil, refused(errors.New("there is more than one"))
	}
}

func (v *Verifier) refuse(w http.ResponseWriter, r *http.Request, err error) {
	reason, title, status := "identity.refused", "The gateway's statement about the caller was refused.", http.StatusUnauthorized
	switch {
	case errors.Is(err, ErrMissing):
		reason, title = "identity.missing", "This application is reached through its gateway only."
	case errors.Is(err, ErrUnavailable):
		reason, title, status = "identity.unavailable", "Nobody can tell who is asking at the moment.", http.StatusServiceUnavailable
	}
	v.log.WarnContext(r.Context(), "request refused", "reason", reason, "error", err, "method", r.Method, "path", r.URL.Path)
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	if status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Gatehouse") // RFC 9110 section 15.5.2: a 401 has one
	} else {
		h.Set("Retry-After", "10")
	}
	w.WriteHeader(status)
	_, _ = w.Write([]byte(`{"type":"urn:gatehouse:problem:` + reason + `","title":"` + title + `","status":` + strconv.Itoa(status) + "}\n"))
}
