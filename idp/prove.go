package idp

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

// formSecret is the parameter with a client's secret (RFC 6749 section 2.3.1).
const formSecret = "client_secret"

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

// unproven answers a client that is not who it says it is. Why is for the log.
func (s *Server) unproven(w http.ResponseWriter, a *asked, err error) {
	s.log.Info("refused", "endpoint", a.endpoint, "request", a.id, "cause", err.Error())
	if errors.Is(err, errAssertion) || errors.Is(err, errCertificate) {
		s.refuse(w, a, http.StatusUnauthorized, "invalid_client", "the client is not proven")
		return
	}
	s.refuse(w, a, http.StatusInternalServerError, "server_error", "something went wrong on our side")
}
