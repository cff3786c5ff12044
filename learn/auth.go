package learn

import (
	"slices"
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/words"
)

// How credentials are written down: by where they came, never by what they were.
const (
	noCredential = "none"
	inScheme     = "scheme " // and the Authorization scheme
	inHeader     = "header " // and the field's name
	inQuery      = "query "  // and the parameter's name
	inCookie     = "cookie " // and the cookie's name
)

// credentials returns where a request has credentials, sorted and joined by
// commas, or noCredential.
func credentials(f gatehouse.Fields, query []pair) string {
	var found []string
	for _, h := range f {
		switch {
		case h.Name == "authorization":
			found = append(found, scheme(h.Value))
		case h.Name != "cookie" && credentialName(h.Name) && memberName(h.Name):
			found = append(found, inHeader+h.Name)
		}
	}
	for _, name := range cookies(f) {
		if credentialName(name) && memberName(name) {
			found = append(found, inCookie+name)
		}
	}
	for _, p := range query {
		if credentialName(p.name) {
			found = append(found, inQuery+p.name)
		}
	}
	if len(found) == 0 {
		return noCredential
	}
	slices.Sort(found)
	return strings.Join(slices.Compact(found), ",")
}

// scheme reads the scheme of an Authorization field. One that is not registered
// may be the credential itself.
func scheme(value string) string {
	name, _, _ := strings.Cut(value, " ")
	switch name = strings.ToLower(name); name {
	case "bearer", "basic", "digest", "dpop", "negotiate":
		return inScheme + name
	}
	return inHeader + "authorization"
}

// credentialName reports the name of a field, parameter or cookie that holds a
// credential.
func credentialName(name string) bool {
	list := words.Of(name)
	for len(list) > 1 && (list[0] == "x" || list[0] == "host" || list[0] == "secure") {
		list = list[1:]
	}
	for _, w := range list {
		if w == "csrf" || w == "xsrf" || w == "idempotency" || w == "page" || w == "next" || w == "continuation" {
			return false
		}
	}
	switch strings.Join(list, "") {
	case "apikey", "appkey", "accesskey", "subscriptionkey", "ocpapimsubscriptionkey", "authkey", "accesstoken", "authtoken", "apitoken", "token", "apisecret", "secret",
		"session", "sessionid", "sid", "phpsessid", "jsessionid", "connectsid", "authorization", "auth", "jwt", "idtoken", "refreshtoken", "usertoken", "privatetoken":
		return true
	}
	return false
}
