package idp

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

// formSecret is the parameter with a client's secret (RFC 6749 section 2.3.1).
const formSecret = "client_secret"

// byBasic takes the name and the secret of a client that proves itself by Basic. Each is
// form-encoded there (RFC 6749 section 2.3.1); the request is left with what they stand
// for, which is what the library compares. It is false of what cannot be decoded.
func (a *asked) byBasic(r *http.Request) bool {
	id, secret, by := r.BasicAuth()
	if a.basic = by; !by {
		return true
	}
	var err, err2 error
	a.name, err = url.QueryUnescape(id)
	a.secret, err2 = url.QueryUnescape(secret)
	if err != nil || err2 != nil || strings.Contains(a.name, ":") {
		return false
	}
	if a.name != id || a.secret != secret {
		r.SetBasicAuth(a.name, a.secret)
	}
	return true
}

// prove finds out which client made a request where it does not prove itself by a
// secret. The library knows secrets alone, and leaves out half of what makes a
// signature trustworthy: a client that has proven itself is given a secret for this
// one request, which the library then finds to be right.
func (s *Server) prove(r *http.Request, a *asked) (err error) {
	var c *store.Client
	if a.certificate, err = s.shown(r); err != nil {
		return err
	}
	switch form := r.PostForm; {
	case form.Has(formAssertion) || form.Has(formAssertionType):
		c, err = s.asserted(r.Context(), form, time.Now())
	case a.certificate != nil && !a.basic && !form.Has(formSecret):
		c, err = s.certified(r.Context(), form.Get("client_id"), a.certificate, time.Now())
	}
	if err != nil || c == nil {
		return err
	}
	a.proven, a.pass = c.ID, random(context.Background())
	r.PostForm.Del(formAssertion)
	r.PostForm.Del(formAssertionType)
	r.PostForm.Set("client_id", c.ID)
	r.PostForm.Set(formSecret, a.pass)
	return nil
}

// client returns the client that makes a request which the library is not asked
// about, as the library would find it.
func (s *Server) client(r *http.Request, a *asked) (*store.Client, error) {
	id, secret := r.PostForm.Get("client_id"), r.PostForm.Get(formSecret)
	if a.basic {
		if id != "" && id != a.name {
			return nil, fmt.Errorf("%w: two names", errSecret)
		}
		id, secret = a.name, a.secret
	}
	c, err := s.clients.Client(r.Context(), id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, fmt.Errorf("%w: there is no such client", errSecret)
	case err != nil:
		return nil, err
	case a.proven == c.ID:
		return c, nil
	case c.Public && secret == "" && !a.basic:
		return c, nil
	case c.Public:
		return nil, fmt.Errorf("%w: a public client has none", errSecret)
	}
	if !secretHolds(c.Secrets, secret, time.Now().Unix()) {
		return nil, errSecret
	}
	return c, nil
}

var errSecret = errors.New("idp: the client's secret does not prove it")

// unproven answers a client that is not who it says it is. Why is for the log.
func (s *Server) unproven(w http.ResponseWriter, a *asked, err error) {
	s.log.Info("refused", "endpoint", a.endpoint, "request", a.id, "cause", err.Error())
	if errors.Is(err, errAssertion) || errors.Is(err, errCertificate) || errors.Is(err, errSecret) {
		s.refuse(w, a, http.StatusUnauthorized, "invalid_client", "the client is not proven")
		return
	}
	s.refuse(w, a, http.StatusInternalServerError, "server_error", "something went wrong on our side")
}

// ways counts how many proofs of a client a request has.
func ways(r *http.Request, basic bool) (n int) {
	for _, there := range []bool{basic, r.PostForm.Has(formSecret), r.PostForm.Has(formAssertion) || r.PostForm.Has(formAssertionType)} {
		if there {
			n++
		}
	}
	return n
}
