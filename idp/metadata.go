package idp

import (
	_ "embed"
	"encoding/json"
	"slices"

	"github.com/gatehouse-api/gatehouse/internal/jose"
)

//go:embed description.yaml
var description []byte

// Description returns the OpenAPI document of the endpoints, by which the gateway
// enforces its controls in front of them.
func Description() []byte { return slices.Clone(description) }

// metadata is the document of OpenID Connect Discovery 1.0 section 3 and RFC 8414
// section 2. It lists what is on, and nothing else.
type metadata struct {
	Issuer               string   `json:"issuer"`
	Authorization        string   `json:"authorization_endpoint,omitempty"`
	Token                string   `json:"token_endpoint"`
	JWKS                 string   `json:"jwks_uri"`
	Userinfo             string   `json:"userinfo_endpoint,omitempty"`
	EndSession           string   `json:"end_session_endpoint,omitempty"`
	PAR                  string   `json:"pushed_authorization_request_endpoint,omitempty"`
	Revocation           string   `json:"revocation_endpoint"`
	Device               string   `json:"device_authorization_endpoint,omitempty"`
	Introspection        string   `json:"introspection_endpoint"`
	Scopes               []string `json:"scopes_supported"`
	ResponseTypes        []string `json:"response_types_supported"`
	ResponseModes        []string `json:"response_modes_supported,omitempty"`
	GrantTypes           []string `json:"grant_types_supported"`
	TokenAuth            []string `json:"token_endpoint_auth_methods_supported"`
	RevocationAuth       []string `json:"revocation_endpoint_auth_methods_supported"`
	IntrospectionAuth    []string `json:"introspection_endpoint_auth_methods_supported"`
	TokenAlgorithms      []string `json:"token_endpoint_auth_signing_alg_values_supported"`
	RevokeAlgorithms     []string `json:"revocation_endpoint_auth_signing_alg_values_supported"`
	IntrospectAlgorithms []string `json:"introspection_endpoint_auth_signing_alg_values_supported"`
	Challenges           []string `json:"code_challenge_methods_supported,omitempty"`
	DPoP                 []string `json:"dpop_signing_alg_values_supported"`
	ACR                  []string `json:"acr_values_supported,omitempty"`
	SubjectTypes         []string `json:"subject_types_supported"`
	IDTokenAlgorithms    []string `json:"id_token_signing_alg_values_supported"`
	Claims               []string `json:"claims_supported,omitempty"`
	CertificateBound     bool     `json:"tls_client_certificate_bound_access_tokens,omitempty"`
	IssuerInResponse     bool     `json:"authorization_response_iss_parameter_supported,omitempty"`
	BackchannelLogout    bool     `json:"backchannel_logout_supported,omitempty"`
	BackchannelSession   bool     `json:"backchannel_logout_session_supported,omitempty"`
	RequestParameter     bool     `json:"request_parameter_supported"`
	RequestURIParameter  bool     `json:"request_uri_parameter_supported"`
}

func (s *Server) describe() ([]byte, error) {
	at := func(path string) string { return s.options.Issuer + path }
	proofs := []string{"client_secret_basic", "client_secret_post", "private_key_jwt"}
	algorithms := []string{jose.ES256, jose.RS256, jose.PS256, jose.EdDSA} // of assertions
	m := metadata{
		Issuer: s.options.Issuer, Token: at(pathToken), JWKS: at(pathJWKS), Revocation: at(pathRevoke), Introspection: at(pathIntrospect),
		Scopes: slices.Clone(s.options.Scopes), ResponseTypes: []string{}, GrantTypes: []string{grantCredential, grantExchange},
		TokenAuth: proofs, RevocationAuth: proofs, IntrospectionAuth: proofs, DPoP: []string{"ES256"},
		SubjectTypes: []string{"public"}, IDTokenAlgorithms: []string{"ES256"},
		TokenAlgorithms: algorithms, RevokeAlgorithms: algorithms, IntrospectAlgorithms: algorithms,
	}
	s.describeCertificates(&m)
	if m.Scopes == nil {
		m.Scopes = []string{}
	}
	if s.people() {
		m.Authorization, m.PAR, m.Userinfo, m.EndSession = at(pathAuthorize), at(pathPAR), at(pathUserinfo), at(pathLogout)
		m.Scopes = append([]string{scopeOpenID, scopeOffline}, m.Scopes...)
		m.ResponseTypes, m.ResponseModes = []string{"code"}, []string{"query"}
		m.GrantTypes = append([]string{grantCode, grantRefresh, grantDevice}, m.GrantTypes...)
		m.Device = at(pathDevice)
		m.TokenAuth = append(slices.Clone(m.TokenAuth), "none")
		m.RevocationAuth = m.TokenAuth
		m.Challenges, m.ACR, m.IssuerInResponse = []string{"S256"}, []string{AAL1, AAL2}, true
		m.Claims = []string{"sub", "iss", "aud", "exp", "iat", "nonce", "acr", "amr", "auth_time", "sid"}
	}
	m.BackchannelLogout, m.BackchannelSession = s.backchannel(), s.backchannel()
	return json.Marshal(m)
}

// describeCertificates adds what certificates of clients are good for (RFC 8705
// section 3.3).
func (s *Server) describeCertificates(m *metadata) {
	if s.options.Certificates == NoCertificates {
		return
	}
	m.CertificateBound = true
	m.TokenAuth = append(m.TokenAuth, methodSelfSigned)
	if s.options.Certificates == VouchedCertificates {
		m.TokenAuth = append(m.TokenAuth, methodTLS)
	}
	m.RevocationAuth, m.IntrospectionAuth = m.TokenAuth, m.TokenAuth
}
