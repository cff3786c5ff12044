package idp

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// mediaForm is the media type of forms (RFC 6749 appendix B).
const mediaForm = "application/x-www-form-urlencoded"

func isForm(r *http.Request) bool {
	media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(media), mediaForm)
}

// readForm is r.ParseForm of a form without a query. Where its media type has no
// parameters there is nothing else to parse, and [http.Request.Form] would be a copy.
func readForm(r *http.Request) error {
	if r.PostForm != nil || r.Header.Get("Content-Type") != mediaForm {
		return r.ParseForm()
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	r.PostForm, err = url.ParseQuery(string(body))
	return err
}

// repeated returns a parameter that is there more than once (RFC 6749 section 3.1),
// or "". Only resource may be (RFC 8707 section 2).
func repeated(v url.Values) string {
	for name, values := range v {
		if len(values) > 1 && name != "resource" {
			return name
		}
	}
	return ""
}

// parameters returns those of a request that a browser makes: of its query or, in a
// POST, of its body.
func parameters(r *http.Request) (url.Values, error) {
	params, err := url.ParseQuery(r.URL.RawQuery)
	if r.Method == http.MethodPost && err == nil {
		if err = r.ParseForm(); r.URL.RawQuery != "" {
			err = errors.New("idp: parameters in the query and in the body")
		}
		params = r.PostForm
	}
	return params, err
}
