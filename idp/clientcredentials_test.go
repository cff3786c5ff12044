package idp

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

// compared is a token request that both our own path and the library answer. It is made
// anew for each of them: a proof is good once.
type compared struct {
	name string
	make func(h *house) *http.Request
}

// asks is a request for a client itself, which proves itself by Basic. change is names and
// values of further parameters, or another scope.
func asks(name, client string, change ...string) compared {
	return compared{name, func(h *house) *http.Request {
		form := url.Values{"grant_type": {grantCredential}, "scope": {"orders:read"}}
		for i := 0; i+1 < len(change); i += 2 {
			if form.Add(change[i], change[i+1]); change[i] == "scope" {
				form.Set(change[i], change[i+1])
			}
		}
		r := h.request("/token", form.Encode())
		r.SetBasicAuth(client, h.secrets[client])
		return r
	}}
}

// but is a request that is changed in the end.
func (c compared) but(name string, change func(h *house, r *http.Request)) compared {
	return compared{name, func(h *house) *http.Request {
		r := c.make(h)
		change(h, r)
		return r
	}}
}

// basicAs is one whose client shows other credentials.
func basicAs(name, id, secret string) compared {
	return asks("", "job").but(name, func(_ *house, r *http.Request) { r.SetBasicAuth(id, secret) })
}

// posts is one with this body and nothing else, in which SECRET is the client's.
func posts(name, body string) compared {
	return compared{name, func(h *house) *http.Request {
		return h.request("/token", strings.ReplaceAll(body, "SECRET", h.secrets["job"]))
	}}
}

// byLibrary is what the library answers to a request, with all that is closed around it.
func (h *house) byLibrary(w http.ResponseWriter, r *http.Request) {
	for name, value := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"} {
		w.Header().Set(name, value)
	}
	r.Body = http.MaxBytesReader(w, r.Body, mostForm)
	a := &asked{endpoint: pathToken, id: RequestID(r), dpop: r.Header.Get("DPoP")}
	if h.server.accepted(w, r, a) {
		h.server.pass(w, r, a)
	}
}

// tell is an answer without what is of one token alone: status, fields, and the body or
// its error's code, and the token's header and claims.
func (h *house) tell(serve http.HandlerFunc, r *http.Request) (out map[string]any) {
	h.Helper()
	in := httptest.NewRequest(r.Method, r.URL.RequestURI(), r.Body)
	in.Header, in.Host = r.Header, r.URL.Host
	in.Header.Set("X-Request-Id", "one")
	w := httptest.NewRecorder()
	serve(w, in)
	answer := w.Result()
	answer.Header.Del("Content-Length") // the library leaves it to net/http
	body := map[string]any{}
	if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil {
		h.Fatalf("%d %s: %v", w.Code, w.Body, err)
	}
	out = map[string]any{"status": w.Code, "fields": answer.Header, "body": body}
	delete(body, "error_description")
	token, ok := body["access_token"].(string)
	if !ok {
		return out
	}
	delete(body, "access_token")
	header, claims := h.parts(token)
	issued, _ := claims["iat"].(float64)
	expires, _ := claims["exp"].(float64)
	grant, _ := claims["grant_id"].(string)
	name, _, _ := strings.Cut(grant, "~")
	claims["exp"], claims["grant_id"] = expires-issued, name
	if claims["nbf"] != issued || len(grant)-len(name) != 44 || len(claims["jti"].(string)) != 43 {
		h.Errorf("%v", claims)
	}
	for _, one := range []string{"jti", "iat", "nbf"} {
		delete(claims, one)
	}
	if cnf, ok := claims["cnf"].(map[string]any); ok && cnf["jkt"] != nil {
		cnf["jkt"] = len(cnf["jkt"].(string)) // each proof has a key of its own
	}
	out["header"], out["claims"] = header, claims
	if !h.active(token) {
		h.Error("the token is not active")
	}
	return out
}

// active reports whether the introspection endpoint takes a token for a live one.
func (h *house) active(token string) bool { return h.introspect(token).json["active"] == true }

// same sends every request both ways and compares. good is how many must succeed.
func (h *house) same(good int, list ...compared) {
	h.Helper()
	for _, c := range list {
		own, library := h.tell(h.server.ServeHTTP, c.make(h)), h.tell(h.byLibrary, c.make(h))
		if !reflect.DeepEqual(own, library) {
			h.Errorf("%s:\nhere        %v\nthe library %v", c.name, own, library)
		}
		if own["status"] == http.StatusOK {
			good--
		}
	}
	if good != 0 {
		h.Errorf("%d of the requests that should succeed do not", good)
	}
}

func TestHereAndInTheLibraryATokenForAClientIsTheSame(t *testing.T) {
	h := newHouse(t)
	h.client(store.Client{ID: "wide", Grants: []string{grantCredential}, Scopes: []string{"openid", "offline_access", "orders:read", "orders:write"}, Roles: []string{"robot", "größe", "a<b"}})
	h.client(store.Client{ID: "ended", Grants: []string{grantCredential}, Tenant: "t9", Scopes: []string{"orders:read"}})
	h.client(store.Client{ID: "there", Grants: []string{grantCredential}, Tenant: "t8", Scopes: []string{"orders:read"}})
	h.client(store.Client{ID: "holder", DPoP: true, Grants: []string{grantCredential}, Scopes: []string{"orders:read"}})
	for id, state := range map[string]store.TenantState{"t9": store.TenantDisabled, "t8": store.TenantActive} {
		if err := h.store.Tenants().Add(h.Context(), store.Tenant{ID: id, Name: id, State: state, Made: time.Now(), Edited: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	h.same(23,
		asks("one scope", "job"), asks("no scope", "job", "scope", ""), asks("openid alone", "wide", "scope", "openid"), asks("openid and another", "wide", "scope", "openid orders:write"),
		asks("offline_access", "wide", "scope", "offline_access"), asks("a scope twice", "job", "scope", "orders:read orders:read"), asks("all scopes", "wide", "scope", "orders:write orders:read offline_access openid"),
		asks("its API", "job", "resource", api), asks("its API twice", "job", "resource", api, "resource", api), asks("a live tenant", "there"), asks("of a resource server", "api", "scope", ""),
		asks("an audience that nobody reads", "job", "audience", "https://evil.example"), asks("details that nobody reads", "job", "authorization_details", `[{"type":"payment"}]`),
		asks("details that are none", "job", "authorization_details", "{"), asks("parameters of other grants", "job", "code", "x", "refresh_token", "y", "redirect_uri", "https://evil.example", "subject_token", "z"),
		asks("client_id beside Basic", "job", "client_id", "job"),
		posts("secret in the body", "grant_type=client_credentials&client_id=job&client_secret=SECRET"), posts("secret in the body, and a scope", "grant_type=client_credentials&client_id=job&client_secret=SECRET&scope=orders:read"),
		asks("", "job").but("a proof", func(h *house, r *http.Request) { newProver(h.T).proof(h, nil)(r) }),
		asks("", "holder").but("a proof where one must be", func(h *house, r *http.Request) { newProver(h.T).proof(h, nil)(r) }),
		asks("", "job").but("a charset", func(_ *house, r *http.Request) {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded;charset=UTF-8")
		}),
		asks("", "job").but("a certificate where none is asked for", func(h *house, r *http.Request) { onConnectionOf(certificate(h.T, "eve"))(r) }),
		asks("", "job").but("a lower-case scheme", func(_ *house, r *http.Request) {
			r.Header.Set("Authorization", "basic "+strings.TrimPrefix(r.Header.Get("Authorization"), "Basic "))
		}),

		asks("a scope that there is not", "job", "scope", "orders:none"), asks("a scope of another client", "job", "scope", "orders:write"), asks("a scope beside a good one", "job", "scope", "orders:read admin"),
		asks("openid that it may not have", "job", "scope", "openid"), asks("a scope in another case", "job", "scope", "Orders:read"), asks("a scope with a comma", "job", "scope", "orders:read,orders:write"),
		asks("another API", "job", "resource", "https://evil.example"), asks("no API", "job", "resource", ""), asks("another API beside its own", "job", "resource", api, "resource", "x"), asks("its API with a slash", "job", "resource", api+"/"),
		asks("a tenant that is disabled", "ended"), asks("no proof where one must be", "holder"), asks("a grant that it has not", "web", "scope", ""), asks("another's name in the body", "job", "client_id", "web"),
		asks("the name twice", "job", "client_id", "job", "client_id", "job"), asks("two ways", "job", "client_secret", "x"), asks("an unknown client", "nobody"), asks("the grant type twice", "job", "grant_type", grantCredential),
		basicAs("a wrong secret", "job", "wrong"), basicAs("an empty secret", "job", ""), basicAs("no name", "", "x"), basicAs("a name with a colon", "a%3Ab", "x"), basicAs("a name that is no encoding", "%", "x"), basicAs("a secret that is no encoding", "job", "%zz"),
		asks("", "web").but("the secret of another", func(h *house, r *http.Request) { r.SetBasicAuth("job", h.secrets["web"]) }),
		posts("nobody", "grant_type=client_credentials"), posts("a name alone", "grant_type=client_credentials&client_id=job"), posts("an empty secret in the body", "grant_type=client_credentials&client_id=job&client_secret="),
		posts("a wrong secret in the body", "grant_type=client_credentials&client_id=job&client_secret=x"), posts("an empty name", "grant_type=client_credentials&client_id=&client_secret=SECRET"), posts("a public client", "grant_type=client_credentials&client_id=app"),
		posts("a secret alone", "grant_type=client_credentials&client_secret=SECRET"), posts("a broken encoding", "grant_type=client_credentials&client_id=%zz"), posts("another grant type", "grant_type=Client_Credentials&client_id=job&client_secret=SECRET"),
		posts("an assertion that is none", "grant_type=client_credentials&client_assertion_type="+url.QueryEscape(assertionJWT)+"&client_assertion=x"), posts("a large body", "grant_type=client_credentials&x="+strings.Repeat("x", mostForm)),
		asks("", "job").but("another content type", func(_ *house, r *http.Request) { r.Header.Set("Content-Type", "application/json") }),
		asks("", "job").but("no content type", func(_ *house, r *http.Request) { r.Header.Del("Content-Type") }),
		asks("", "job").but("a query", func(_ *house, r *http.Request) { r.URL.RawQuery = "scope=orders:read" }),
		asks("", "job").but("another scheme", func(_ *house, r *http.Request) { r.Header.Set("Authorization", "Bearer x") }),
		asks("", "job").but("Basic twice", func(_ *house, r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }),
		asks("", "job").but("a proof that is none", func(_ *house, r *http.Request) { r.Header.Set("DPoP", "x") }),
		asks("", "job").but("an empty proof", func(_ *house, r *http.Request) { r.Header.Set("DPoP", "") }),
		asks("", "holder").but("an empty proof where one must be", func(_ *house, r *http.Request) { r.Header.Set("DPoP", "") }),
	)
}

func TestHereAndInTheLibrarySeveralAPIsAreToldApart(t *testing.T) {
	h := newHouse(t, func(o *Options) {
		o.Audiences, o.Asked = append(o.Audiences, "https://api.example.com/stock"), []string{"https://api.example.com/admin"}
	})
	h.same(4,
		asks("one", "job", "resource", api), asks("two", "job", "resource", api, "resource", "https://api.example.com/stock"), asks("one that must be named", "job", "resource", "https://api.example.com/admin"),
		asks("all", "job", "resource", api, "resource", "https://api.example.com/admin", "resource", "https://api.example.com/stock"),
		asks("none", "job"), asks("an unknown one", "job", "resource", "https://api.example.com"), asks("the server itself", "job", "resource", "https://login.example.com"),
	)
}

func TestHereAndInTheLibraryTheSameSecretsHold(t *testing.T) {
	h := newHouse(t)
	old, kept := NewSecret(time.Now())
	fresh, kept2 := NewSecret(time.Now())
	gone, kept3 := NewSecret(time.Now())
	kept.Until, kept3.Until = time.Now().Add(time.Hour), time.Now().Add(-time.Second)
	for id, list := range map[string][]store.ClientSecret{"two": {kept2, kept}, "one": {kept3}, "left": {kept2, kept3}} {
		c := store.Client{ID: id, Grants: []string{grantCredential}, Scopes: []string{"orders:read"}, Secrets: list, Made: time.Now()}
		if err := h.store.Clients().Add(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	h.same(3,
		basicAs("the new one", "two", fresh), basicAs("the old one", "two", old), basicAs("the one that is left", "left", fresh),
		basicAs("one of another", "two", gone), basicAs("the one that ended", "one", gone), basicAs("the one that ended, beside another", "left", gone), basicAs("both at once", "two", fresh+","+old),
	)
}

func TestHereAndInTheLibraryKeysAndCertificatesProveTheSame(t *testing.T) {
	h := newHouse(t, asking8705(VouchedCertificates))
	s, der, other := newSigner(h), certificate(t, "bank"), certificate(t, "eve")
	h.certified("thumb", thumbprintOf(der))
	h.certified("dns", "dns:bank.example.com")
	h.client(store.Client{ID: "bound", CertificateBound: true, Grants: []string{grantCredential}, Scopes: []string{"orders:read"}})
	signed := func(name string, change map[string]any, form string) compared {
		return compared{name, func(h *house) *http.Request {
			return h.request("/token", "grant_type=client_credentials&scope=orders%3Aread&client_assertion_type="+url.QueryEscape(assertionJWT)+"&client_assertion="+s.assertion(change)+form)
		}}
	}
	over := func(name, client string, der []byte) compared {
		return posts("", "grant_type=client_credentials&scope=orders:read&client_id="+client).but(name, func(_ *house, r *http.Request) { onConnectionOf(der)(r) })
	}
	proven := func(_ *house, r *http.Request) { onConnectionOf(der)(r) }
	h.same(8,
		signed("an assertion", nil, ""), signed("an assertion and the name", nil, "&client_id=bank"), signed("an assertion for an API", nil, "&resource="+url.QueryEscape(api)),
		signed("", nil, "").but("an assertion over a certificate", proven),
		over("a certificate by its hash", "thumb", der), over("a certificate by its name", "dns", der),
		asks("", "bound").but("a secret over a certificate that binds", proven), asks("", "job").but("a secret over a certificate that does not", proven),

		signed("another's name", nil, "&client_id=job"), signed("for another server", map[string]any{"aud": "https://evil.example"}, ""), signed("that has expired", map[string]any{"exp": 1}, ""), signed("without a name of its own", map[string]any{"jti": nil}, ""),
		signed("a scope that it may not have", nil, "&resource=x"), over("another certificate", "thumb", other), over("a certificate of an unknown client", "nobody", der), over("a certificate of a client with a secret", "job", der),
		asks("a secret without the certificate that binds", "bound"),
		asks("", "job").but("a certificate that is none", func(_ *house, r *http.Request) {
			r.Header.Set(fieldCertificate, ":"+base64.StdEncoding.EncodeToString([]byte("x"))+":")
		}),
		asks("", "job").but("a field that is none", func(_ *house, r *http.Request) { r.Header.Set(fieldCertificate, "x") }),
	)
}

// What the library does otherwise: it keeps the spaces of a scope as they came, and lets
// a public client by that shows a secret, to refuse it afterwards.
func TestAScopeIsWrittenWithSingleSpacesAndAPublicClientHasNoSecret(t *testing.T) {
	h := newHouse(t)
	if r := h.credentials("scope", " orders:read  orders:read "); r.text("scope") != "orders:read orders:read" {
		t.Errorf("%d %s", r.status, r.body)
	}
	h.want(h.post("/token", "app", credentialsForm(), func(r *http.Request) { r.SetBasicAuth("app", "x") }), 401, "invalid_client")
}

func TestATextOfAnyKindIsOneOfJSON(t *testing.T) {
	for _, text := range []string{"", "plain", `a"b\c`, "a\nb\x00", "größe", "a<b>&", "\u2028", "\xff", strings.Repeat("x", 300)} {
		var back string
		if err := json.Unmarshal(appendText(nil, text), &back); err != nil || back != strings.ToValidUTF8(text, "\ufffd") {
			t.Errorf("%q: %q %v", text, back, err)
		}
	}
}
