package saml

import (
	"cmp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/beevik/etree"

	"github.com/gatehouse-api/gatehouse/idp/sso"
)

// bearer is the one way to confirm a subject in a browser (SAML Profiles section
// 3.3).
const bearer = "urn:oasis:names:tc:SAML:2.0:cm:bearer"

// envelope judges what the response says around the assertion. Where it is not
// signed itself this is worth little: everything that counts is said again within.
func (s *ServiceProvider) envelope(root *etree.Element, now time.Time) error {
	if v := attribute(root, "Version"); v != "2.0" {
		return refuse(ReasonMalformed, "version %q", v)
	}
	if to := attribute(root, "Destination"); to != s.o.ACS {
		return refuse(ReasonRecipient, "the response is for %q, not %q (Destination)", to, s.o.ACS)
	}
	if err := issued(root, now); err != nil {
		return err
	}
	return s.issuer(root)
}

// issuer refuses what another identity provider says.
func (s *ServiceProvider) issuer(e *etree.Element) error {
	all := e.SelectElements("Issuer")
	if len(all) != 1 {
		return refuse(ReasonShape, "%s has one issuer", e.Tag)
	}
	said, err := text(all[0])
	if err != nil {
		return err
	}
	if said != s.o.Provider.EntityID {
		return refuse(ReasonIssuer, "%s is issued by %q, not %q", e.Tag, said, s.o.Provider.EntityID)
	}
	return nil
}

func issued(e *etree.Element, now time.Time) error {
	at, err := moment(e, "IssueInstant")
	switch {
	case err != nil:
		return err
	case at.IsZero():
		return refuse(ReasonMalformed, "%s does not say when it was issued", e.Tag)
	case at.After(now.Add(Skew)):
		return refuse(ReasonTime, "%s is issued at %s, which is to come", e.Tag, at.Format(time.RFC3339))
	}
	return nil
}

// moment reads a time, which has a zone (SAML Core section 1.3.3), or returns zero
// where there is none.
func moment(e *etree.Element, name string) (time.Time, error) {
	value := attribute(e, name)
	if value == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return time.Time{}, refuse(ReasonMalformed, "%s is no time: %q", name, value)
	}
	return at, nil
}

// reading reads the element that was signed.
type reading struct {
	s       *ServiceProvider
	now     time.Time
	request string    // that this browser was sent away with
	answers string    // InResponseTo of the response
	name    string    // NameID, or ""
	until   time.Time // when nobody would take the assertion any more
}

func (r *reading) assertion(e *etree.Element) (sso.Identity, error) {
	in, err := children(e, "Issuer", "Subject", "Conditions", "AuthnStatement", "AttributeStatement")
	switch {
	case err != nil:
		return sso.Identity{}, err
	case len(in["Subject"]) != 1 || len(in["Conditions"]) != 1 || len(in["AuthnStatement"]) != 1:
		return sso.Identity{}, refuse(ReasonShape, "an assertion has one Subject, one Conditions and one AuthnStatement")
	case attribute(e, "Version") != "2.0":
		return sso.Identity{}, refuse(ReasonMalformed, "version %q", attribute(e, "Version"))
	}
	if err := r.s.issuer(e); err != nil {
		return sso.Identity{}, err
	}
	if err := issued(e, r.now); err != nil {
		return sso.Identity{}, err
	}
	if err := r.subject(in["Subject"][0]); err != nil {
		return sso.Identity{}, err
	}
	if err := r.conditions(in["Conditions"][0]); err != nil {
		return sso.Identity{}, err
	}
	who := sso.Identity{Issuer: r.s.o.Provider.EntityID, Subject: r.name, Attributes: map[string][]string{}}
	if err := r.statement(in["AuthnStatement"][0], &who); err != nil {
		return sso.Identity{}, err
	}
	for _, s := range in["AttributeStatement"] {
		if err := attributes(s, who.Attributes); err != nil {
			return sso.Identity{}, err
		}
	}
	if by := r.s.o.SubjectAttribute; by != "" {
		values := who.Attributes[by]
		if len(values) != 1 {
			return sso.Identity{}, refuse(ReasonName, "the attribute %q has %d values; one says who somebody is", by, len(values))
		}
		who.Subject = values[0]
	}
	if mail := who.Attributes[r.s.o.EmailAttribute]; len(mail) == 1 {
		who.Email, who.EmailVerified = mail[0], true
	}
	return who, recognisable(who.Subject)
}

// subject reads who the assertion is about and judges whether it is for this browser
// and for us.
func (r *reading) subject(e *etree.Element) error {
	in, err := children(e, "NameID", "SubjectConfirmation")
	switch {
	case err != nil:
		return err
	case len(in["NameID"]) > 1 || len(in["SubjectConfirmation"]) != 1:
		return refuse(ReasonShape, "a subject has one name and one confirmation")
	}
	if len(in["NameID"]) == 1 {
		if err := r.nameID(in["NameID"][0]); err != nil {
			return err
		}
	}
	c := in["SubjectConfirmation"][0]
	if m := attribute(c, "Method"); m != bearer {
		return refuse(ReasonShape, "the subject is confirmed by %q, not %q", m, bearer)
	}
	in, err = children(c, "SubjectConfirmationData")
	switch {
	case err != nil:
		return err
	case len(in["SubjectConfirmationData"]) != 1:
		return refuse(ReasonShape, "a confirmation says for whom and until when (SubjectConfirmationData)")
	}
	return r.confirmation(in["SubjectConfirmationData"][0])
}

func (r *reading) nameID(e *etree.Element) (err error) {
	if r.name, err = text(e); err != nil {
		return err
	}
	if r.s.o.SubjectAttribute != "" {
		return nil // an attribute says who it is
	}
	format := NameIDFormat(cmp.Or(attribute(e, "Format"), string(Unspecified)))
	switch want := r.s.o.NameID; {
	case format == transient:
		return refuse(ReasonName, "nobody is recognised by a transient name: have the identity provider send a persistent one, or name the attribute that says who somebody is")
	case want != Unspecified && format != want:
		return refuse(ReasonName, "the name has the format %q, not %q, which was asked for", format, want)
	}
	// A name holds within what qualifies it (SAML Core section 8.3.7).
	if q := cmp.Or(attribute(e, "SPNameQualifier"), r.s.o.EntityID); q != r.s.o.EntityID {
		return refuse(ReasonName, "the name is for %q (SPNameQualifier)", q)
	}
	if q := cmp.Or(attribute(e, "NameQualifier"), r.s.o.Provider.EntityID); q != r.s.o.Provider.EntityID {
		return refuse(ReasonName, "the name is one of %q (NameQualifier)", q)
	}
	return nil
}

// recognisable refuses names that are none, or that two readers would take for two.
func recognisable(name string) error {
	odd := func(c rune) bool { return unicode.IsControl(c) || c == utf8.RuneError || unicode.Is(unicode.Cf, c) }
	if name == "" || utf8.RuneCountInString(name) > longestName || strings.TrimSpace(name) != name || strings.ContainsFunc(name, odd) {
		return refuse(ReasonName, "%q is nobody's name: 1 to %d characters, none of them invisible", name, longestName)
	}
	return nil
}

func (r *reading) confirmation(e *etree.Element) error {
	until, err := moment(e, "NotOnOrAfter")
	if err != nil {
		return err
	}
	from, err := moment(e, "NotBefore")
	if err != nil {
		return err
	}
	if to := attribute(e, "Recipient"); to != r.s.o.ACS {
		return refuse(ReasonRecipient, "the assertion is for %q, not %q (Recipient)", to, r.s.o.ACS)
	}
	// SAML Profiles section 4.1.4.2: a bearer's confirmation ends.
	if until.IsZero() {
		return refuse(ReasonTime, "the confirmation has no end (NotOnOrAfter)")
	}
	if err := r.between(from, until); err != nil {
		return err
	}
	inner := attribute(e, "InResponseTo")
	switch {
	case inner != r.answers:
		return refuse(ReasonRequest, "the response answers %q, the assertion in it %q", r.answers, inner)
	case inner == "":
		return refuse(ReasonRequest, "the response answers no request: sign-ins begin here, not at the identity provider")
	case inner != r.request:
		return refuse(ReasonRequest, "the response answers %q, which this browser did not ask", inner)
	}
	return nil
}

// between refuses what does not hold now, and notes when it ends for everybody.
func (r *reading) between(from, until time.Time) error {
	switch {
	case r.now.Before(from.Add(-Skew)):
		return refuse(ReasonTime, "it holds from %s, and it is %s", from.Format(time.RFC3339), r.now.UTC().Format(time.RFC3339))
	case until.IsZero():
		return nil
	case !r.now.Before(until.Add(Skew)):
		return refuse(ReasonTime, "it held until %s, and it is %s", until.Format(time.RFC3339), r.now.UTC().Format(time.RFC3339))
	case until.After(r.now.Add(longestLife)):
		return refuse(ReasonTime, "it holds until %s; %s is the longest", until.Format(time.RFC3339), longestLife)
	}
	if end := until.Add(Skew); end.After(r.until) {
		r.until = end
	}
	return nil
}

// conditions judges for whom and when the assertion holds. Every restriction of the
// audience must name us (SAML Core section 2.5.1.4); a condition that is not known
// here holds for nobody.
func (r *reading) conditions(e *etree.Element) error {
	in, err := children(e, "AudienceRestriction", "OneTimeUse", "ProxyRestriction")
	switch {
	case err != nil:
		return err
	case len(in["AudienceRestriction"]) == 0:
		return refuse(ReasonAudience, "the assertion is for everybody (AudienceRestriction)")
	}
	from, err := moment(e, "NotBefore")
	if err != nil {
		return err
	}
	until, err := moment(e, "NotOnOrAfter")
	if err != nil {
		return err
	}
	if err := r.between(from, until); err != nil {
		return err
	}
	for _, restriction := range in["AudienceRestriction"] {
		in, err := children(restriction, "Audience")
		if err != nil {
			return err
		}
		ours := false
		for _, a := range in["Audience"] {
			said, err := text(a)
			if err != nil {
				return err
			}
			ours = ours || said == r.s.o.EntityID
		}
		if !ours {
			return refuse(ReasonAudience, "the assertion is not for %q", r.s.o.EntityID)
		}
	}
	return nil
}

// statement reads when and how the person was proven.
func (r *reading) statement(e *etree.Element, who *sso.Identity) (err error) {
	if who.AuthnInstant, err = moment(e, "AuthnInstant"); err != nil {
		return err
	}
	if who.NotOnOrAfter, err = moment(e, "SessionNotOnOrAfter"); err != nil {
		return err
	}
	switch {
	case who.AuthnInstant.IsZero():
		return refuse(ReasonMalformed, "nothing says when the person was proven (AuthnInstant)")
	case who.AuthnInstant.After(r.now.Add(Skew)):
		return refuse(ReasonTime, "the person was proven at %s, which is to come", who.AuthnInstant.Format(time.RFC3339))
	case !who.NotOnOrAfter.IsZero() && !r.now.Before(who.NotOnOrAfter):
		return refuse(ReasonTime, "the session at the identity provider ended at %s", who.NotOnOrAfter.Format(time.RFC3339))
	}
	in, err := children(e, "SubjectLocality", "AuthnContext")
	switch {
	case err != nil:
		return err
	case len(in["AuthnContext"]) != 1:
		return refuse(ReasonShape, "a statement has one AuthnContext")
	}
	in, err = children(in["AuthnContext"][0], "AuthnContextClassRef", "AuthnContextDecl", "AuthnContextDeclRef", "AuthenticatingAuthority")
	switch {
	case err != nil:
		return err
	case len(in["AuthnContextClassRef"]) > 1:
		return refuse(ReasonShape, "a context is of one class")
	case len(in["AuthnContextClassRef"]) == 1:
		who.ACR, err = text(in["AuthnContextClassRef"][0])
	}
	return err
}

// attributes adds the values of a statement. An attribute may be there more than
// once, as Keycloak writes roles.
func attributes(e *etree.Element, into map[string][]string) error {
	in, err := children(e, "Attribute")
	if err != nil {
		return err
	}
	for _, a := range in["Attribute"] {
		values, err := children(a, "AttributeValue")
		if err != nil {
			return err
		}
		name := attribute(a, "Name")
		if name == "" {
			return refuse(ReasonShape, "an attribute has a name")
		}
		for _, v := range values["AttributeValue"] {
			if t, err := text(v); err == nil {
				into[name] = append(into[name], t)
			}
		}
	}
	return nil
}
