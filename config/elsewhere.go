package config

import (
	"time"

	"github.com/gatehouse-api/gatehouse/internal/relations/remote"
	"github.com/gatehouse-api/gatehouse/internal/secret"
)

// RelationsAt is the decision point that an API's relations are asked of, in place of
// our own. It is one of the two.
type RelationsAt struct {
	OpenFGA *OpenFGA      `yaml:"openfga"`
	AuthZEN *AuthZEN      `yaml:"authzen"`
	Timeout time.Duration `yaml:"timeout"` // of one question; default and least 1s
}

// OpenFGA is a store of an OpenFGA server.
type OpenFGA struct {
	URL   string      `yaml:"url"`
	Store string      `yaml:"store"` // its id
	Model string      `yaml:"model"` // the id of the authorization model that is asked for
	Token secret.Text `yaml:"token"`
}

// AuthZEN is a decision point that speaks the OpenID Authorization API 1.0.
type AuthZEN struct {
	URL   string      `yaml:"url"`
	Token secret.Text `yaml:"token"`
}

// RelationsAt returns which decision point the API's relations are asked of, nil for our
// own.
func (a *API) RelationsAt() *RelationsAt { return a.block.RelationsAt }

// Server returns the server that is asked, without a client.
func (r *RelationsAt) Server() remote.Server {
	if r.OpenFGA != nil {
		return remote.Server{URL: r.OpenFGA.URL, Token: r.OpenFGA.Token}
	}
	return remote.Server{URL: r.AuthZEN.URL, Token: r.AuthZEN.Token}
}

// elsewhereRelated judges where an API's relations are asked for.
func (r *reader) elsewhereRelated(a *API) {
	at := a.block.RelationsAt
	if at == nil {
		return
	}
	const fix = "relations_at: {openfga: {url: https://fga.example.com, store: ID, model: ID, token: file:fga.token}}"
	var err error
	switch {
	case a.block.Relations == "":
		r.apiFault(a, "relations_at", "nothing says which relations there are", "relations: relations.fga, the model that is asked there")
	case (at.OpenFGA == nil) == (at.AuthZEN == nil):
		r.apiFault(a, "relations_at", "expected one decision point, openfga or authzen", fix)
	case at.Timeout != 0 && (at.Timeout < time.Second || at.Timeout > time.Minute):
		r.apiFault(a, "relations_at", "expected a timeout of 1s to 1m", "timeout: 2s")
	case at.OpenFGA != nil:
		_, err = remote.NewOpenFGA(at.Server(), at.OpenFGA.Store, at.OpenFGA.Model)
	default:
		_, err = remote.NewAuthZEN(at.Server())
	}
	if err != nil {
		r.apiFault(a, "relations_at", err.Error(), fix)
	}
}
