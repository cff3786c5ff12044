package assurance

import (
	"context"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jose"
)

// clocks is how far the issuer's clock may be ahead of ours.
const clocks = time.Minute

// The answers that are the same for everybody.
var (
	nobody = &gatehouse.Answer{Status: 401, Reason: "assurance.nobody", Public: "Authentication required",
		Fields: gatehouse.Fields{{Name: "www-authenticate", Value: "Bearer"}}}
	unbound = &gatehouse.Answer{Status: 401, Reason: "assurance.sender", Public: "This needs an access token that is bound to a key of the client",
		Fields: gatehouse.Fields{{Name: "www-authenticate", Value: `DPoP error="invalid_token", algs="` + jose.ProofAlgorithms + `"`}}}
	uncertified = &gatehouse.Answer{Status: 401, Reason: "assurance.sender", Public: "This needs an access token that is bound to the client's certificate",
		Fields: gatehouse.Fields{{Name: "www-authenticate", Value: `Bearer error="invalid_token"`}}}
	notPerson = &gatehouse.Answer{Status: 403, Reason: "assurance.client", Public: "This needs a person who has signed in: no client may do it for itself"}
	unmapped  = &gatehouse.Answer{Status: 403, Reason: "assurance.unknown", Public: "This needs a stronger proof than the issuer of the token gives"}
)

// enforce judges what is known of the caller's proof.
func (d *demand) enforce(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	p := x.Principal
	switch {
	case p == nil:
		return gatehouse.Deny(nobody), nil
	case d.bound != 0 && p.Bound&d.bound == 0 && d.bound == gatehouse.BoundToCertificate:
		return gatehouse.Deny(uncertified), nil
	case d.bound != 0 && p.Bound&d.bound == 0:
		return gatehouse.Deny(unbound), nil
	case d.level == 0 && d.maxAge == 0:
		return gatehouse.Pass, nil
	case p.Kind != "user" && d.clients:
		return gatehouse.Pass, nil
	case p.Kind != "user":
		return gatehouse.Deny(notPerson), nil
	}
	a := &p.Assurance
	if a.Level < d.level {
		if a.Ask == nil || a.Ask[d.level] == "" {
			return gatehouse.Deny(unmapped).Because("jwt.issuers[].assurance names no acr of this issuer for the level"), nil
		}
		return d.challenge(p, "assurance.level", "stronger authentication is needed"), nil
	}
	if age := x.At.Sub(a.At); d.maxAge > 0 && (a.At.IsZero() || age > d.maxAge || age < -clocks) {
		return d.challenge(p, "assurance.max_age", "more recent authentication is needed"), nil
	}
	return gatehouse.Pass, nil
}

// challenge tells the client what to ask its authorization server for (RFC 9470
// section 3). It is made of the configuration and of nothing else.
func (d *demand) challenge(p *gatehouse.Principal, reason, says string) gatehouse.Verdict {
	value := `Bearer error="insufficient_user_authentication", error_description="` + says + `"`
	if p.Bound&gatehouse.BoundToKey != 0 {
		value = "DPoP" + value[len("Bearer"):]
	}
	if d.level > 0 && p.Assurance.Ask != nil {
		value += `, acr_values="` + p.Assurance.Ask[d.level] + `"`
	}
	return gatehouse.Deny(&gatehouse.Answer{Status: 401, Reason: reason, Public: "You must prove again who you are: " + says,
		Fields: gatehouse.Fields{{Name: "www-authenticate", Value: value + d.age}}})
}
