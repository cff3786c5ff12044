package ratelimit

import (
	"bytes"
	"encoding/base64"
	"strings"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/control/internal/percent"
)

// The grant types that count in a way of their own at a token endpoint.
const (
	grantOwn    = "client_credentials"
	grantDevice = "urn:ietf:params:oauth:grant-type:device_code"
)

const (
	longestName  = 64  // of a parameter or a client, in bytes
	longestValue = 512 // of what is read of a form or of Basic, in bytes
)

// counted says what a request to a token endpoint is counted by, beside its address.
// A client that asks for tokens of its own is the account that would be guessed at;
// the people behind one application are not, or they would share one limit. A device
// that polls is slowed down by the server, and its secret has 256 bits: only the
// address's general limit is for it (RFC 8628 section 3.5).
func counted(x *gatehouse.Exchange) (client string, poll bool) {
	switch formValue(x, "grant_type") {
	case grantDevice:
		return "", true
	case grantOwn:
		return clientOf(x), false
	}
	return "", false
}

// clientOf returns the client that a request names by Basic or in its form (RFC 6749
// section 2.3.1), or "".
func clientOf(x *gatehouse.Exchange) string {
	scheme, encoded, _ := strings.Cut(x.Request.Fields.Get("authorization"), " ")
	if !strings.EqualFold(scheme, "basic") {
		return named(formValue(x, "client_id"))
	}
	if len(encoded) > longestValue {
		return ""
	}
	plain := x.Append(func(to []byte) []byte {
		out, err := base64.StdEncoding.AppendDecode(to, []byte(encoded))
		if err != nil {
			return to
		}
		return out
	})
	id, _, _ := strings.Cut(plain, ":")
	return named(x.Append(func(to []byte) []byte { return percent.Append(to, id, true) }))
}

// named leaves out what can be no client's name.
func named(id string) string {
	if len(id) > longestName {
		return ""
	}
	return id
}

// formValue returns a parameter of the form, or "". Of a name that is there twice the
// first counts, and what is no escape stands for itself: the server refuses both.
func formValue(x *gatehouse.Exchange, name string) string {
	for rest := x.Request.Body; len(rest) > 0; {
		var pair []byte
		pair, rest, _ = bytes.Cut(rest, []byte{'&'})
		key, value, _ := bytes.Cut(pair, []byte{'='})
		if len(key) > 3*longestName || len(value) > longestValue {
			continue
		}
		if x.Append(func(to []byte) []byte { return percent.Append(to, key, true) }) == name {
			return x.Append(func(to []byte) []byte { return percent.Append(to, value, true) })
		}
	}
	return ""
}
