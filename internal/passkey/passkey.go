// Package passkey speaks WebAuthn Level 3 for a relying party: what a page asks an
// authenticator for, and whether what it answered holds.
//
// What it defends from: answers made for another site (the origin must be ours to
// the byte, and the hash of the relying party id), for another question (the
// challenge), by another key, or without the person (user presence and user
// verification are always required); keys of algorithms that nobody asked for. Who
// asks keeps the challenge, sees to it that it is used once, and judges the
// signature counter.
//
// Attestation is not asked for, since nobody here would know whom to trust: a
// statement that comes all the same is taken only where it is the key's own
// signature. Certificates, and the parsers for them, are for nobody.
package passkey

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"
)

// Life is how long a page waits for an authenticator.
const Life = 5 * time.Minute

// ChallengeSize is the length of challenges, in bytes. Section 13.4.3 asks for 16
// at least.
const ChallengeSize = 32

// ErrRefused says that an answer does not hold. Why is for the log; nobody else
// learns it.
var ErrRefused = errors.New("passkey: refused")

// ErrParty says that there can be no passkeys for an origin under an id.
var ErrParty = errors.New("passkey: no such relying party")

// Party is a relying party: the site that people have passkeys for.
type Party struct {
	id, name, origin string
	library          *webauthn.WebAuthn
}

// Credential is the public half of a passkey.
type Credential struct {
	ID        []byte
	PublicKey []byte // COSE_Key (RFC 9052 section 7)
	Count     uint32 // the signature counter
	Synced    bool   // the flag BE: it may be on several devices
}

// New returns the party of an id, which is the host of the origin or a domain above
// it. It returns an error that wraps [ErrParty] where browsers would refuse: for an
// address, for the domain of somebody else, and without TLS.
func New(id, name, origin string) (*Party, error) {
	if err := Check(id, origin); err != nil {
		return nil, err
	}
	library, err := webauthn.New(&webauthn.Config{RPID: id, RPDisplayName: name, RPOrigins: []string{origin}})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrParty, err)
	}
	return &Party{id: id, name: name, origin: origin, library: library}, nil
}

// Check reports why browsers would refuse an id for an origin, or nil. That the id
// is a domain under which anybody may register is found out by browsers only.
func Check(id, origin string) error {
	u, err := url.Parse(origin)
	if err != nil {
		return fmt.Errorf("%w: %q is no origin", ErrParty, origin)
	}
	host := u.Hostname()
	switch {
	case u.Scheme != "https":
		return fmt.Errorf("%w: %s is not https", ErrParty, origin)
	case net.ParseIP(host) != nil:
		return fmt.Errorf("%w: %s is an address, and passkeys are for names", ErrParty, host)
	case id != host && (!strings.HasSuffix(host, "."+id) || !strings.Contains(id, ".")):
		return fmt.Errorf("%w: %q is neither the host %s nor a domain above it", ErrParty, id, host)
	}
	return nil
}

// algorithms are what keys may sign by, the preferred first.
func algorithms() []protocol.CredentialParameter {
	var list []protocol.CredentialParameter
	for _, a := range []webauthncose.COSEAlgorithmIdentifier{webauthncose.AlgES256, webauthncose.AlgEdDSA, webauthncose.AlgRS256} {
		list = append(list, protocol.CredentialParameter{Type: protocol.PublicKeyCredentialType, Algorithm: a})
	}
	return list
}

func descriptors(ids [][]byte) []protocol.CredentialDescriptor {
	var list []protocol.CredentialDescriptor
	for _, id := range ids {
		list = append(list, protocol.CredentialDescriptor{Type: protocol.PublicKeyCredentialType, CredentialID: id})
	}
	return list
}

// Creation returns what a page asks an authenticator for that is to make a passkey:
// PublicKeyCredentialCreationOptionsJSON. user is the handle, which says nothing
// about the person; name is what the authenticator shows to them. It makes none
// where it has one of those excluded.
func (p *Party) Creation(user, name string, challenge []byte, exclude [][]byte) (string, error) {
	required := true
	return text(protocol.PublicKeyCredentialCreationOptions{
		RelyingParty: protocol.RelyingPartyEntity{ID: p.id, CredentialEntity: protocol.CredentialEntity{Name: p.name}},
		User: protocol.UserEntity{
			ID: protocol.URLEncodedBase64(user), DisplayName: name, CredentialEntity: protocol.CredentialEntity{Name: name},
		},
		Challenge: challenge, Parameters: algorithms(), Timeout: int(Life.Milliseconds()), CredentialExcludeList: descriptors(exclude),
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			RequireResidentKey: &required, ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: protocol.VerificationRequired,
		},
		Attestation: protocol.PreferNoAttestation,
	})
}

// Request returns what a page asks an authenticator for that is to prove somebody:
// PublicKeyCredentialRequestOptionsJSON. Without ids anybody's passkey does, and
// what is returned says nothing about who there is.
func (p *Party) Request(challenge []byte, ids [][]byte) (string, error) {
	return text(protocol.PublicKeyCredentialRequestOptions{
		Challenge: challenge, Timeout: int(Life.Milliseconds()), RelyingPartyID: p.id, AllowedCredentials: descriptors(ids),
		UserVerification: protocol.VerificationRequired,
	})
}

func text[T any](options T) (string, error) {
	b, err := json.Marshal(options)
	if err != nil {
		return "", fmt.Errorf("passkey: writing options: %w", err)
	}
	return string(b), nil
}

// account is what the library knows of a person.
type account struct {
	id    string
	known []webauthn.Credential
}

func (a account) WebAuthnID() []byte                         { return []byte(a.id) }
func (a account) WebAuthnName() string                       { return a.id }
func (a account) WebAuthnDisplayName() string                { return a.id }
func (a account) WebAuthnCredentials() []webauthn.Credential { return a.known }

// session is what is expected of an answer. Its time is the caller's.
func (p *Party) session(user string, challenge []byte) webauthn.SessionData {
	return webauthn.SessionData{
		Challenge: protocol.URLEncodedBase64(challenge).String(), RelyingPartyID: p.id, UserID: []byte(user),
		UserVerification: protocol.VerificationRequired, CredParams: algorithms(),
	}
}

// Register returns the passkey that an authenticator made for the user and the
// challenge (section 7.1). That nobody has one of that id yet is the caller's to
// see. It returns an error that wraps [ErrRefused].
func (p *Party) Register(answer, user string, challenge []byte) (Credential, error) {
	parsed, err := protocol.ParseCredentialCreationResponseBytes([]byte(answer))
	if err != nil {
		return Credential{}, refused(err)
	}
	if err := p.exact(&parsed.Response.CollectedClientData, challenge); err != nil {
		return Credential{}, err
	}
	statement := &parsed.Response.AttestationObject
	_, certified := statement.AttStatement["x5c"]
	if f := protocol.AttestationFormat(statement.Format); certified || f != protocol.AttestationFormatNone && f != protocol.AttestationFormatPacked {
		return Credential{}, fmt.Errorf("%w: an attestation of the format %q that nobody asked for", ErrRefused, statement.Format)
	}
	made, err := p.library.CreateCredential(account{id: user}, p.session(user, challenge), parsed)
	if err != nil {
		return Credential{}, refused(err)
	}
	if err := strong(made.PublicKey); err != nil {
		return Credential{}, err
	}
	return Credential{
		ID: made.ID, PublicKey: made.PublicKey, Count: made.Authenticator.SignCount, Synced: made.Flags.BackupEligible,
	}, nil
}

// strong refuses keys that cannot be read, that are on another curve than their
// algorithm says, and that are too short.
func strong(key []byte) error {
	parsed, err := webauthncose.ParsePublicKey(key)
	if err != nil {
		return refused(err)
	}
	fits := false
	switch k := parsed.(type) {
	case webauthncose.EC2PublicKeyData:
		fits = k.Algorithm == int64(webauthncose.AlgES256) && k.Curve == int64(webauthncose.P256)
	case webauthncose.OKPPublicKeyData:
		fits = k.Algorithm == int64(webauthncose.AlgEdDSA) && k.Curve == int64(webauthncose.Ed25519)
	case webauthncose.RSAPublicKeyData:
		fits = k.Algorithm == int64(webauthncose.AlgRS256) && new(big.Int).SetBytes(k.Modulus).BitLen() >= 2048
	}
	if !fits {
		return fmt.Errorf("%w: a key that does not fit its algorithm, or is too short", ErrRefused)
	}
	return nil
}

// Identify returns which passkey an answer claims to be by, and the handle of whose
// it claims to be, or "". Nothing of it is proven.
func Identify(answer string) (id []byte, user string, err error) {
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(answer))
	if err != nil {
		return nil, "", refused(err)
	}
	return parsed.RawID, string(parsed.Response.UserHandle), nil
}

// Verify returns the signature counter of a user's passkey that was used for the
// challenge (section 7.2). What the counter means is the caller's to judge (section
// 6.1.1). It returns an error that wraps [ErrRefused].
func (p *Party) Verify(answer, user string, challenge []byte, c *Credential) (uint32, error) {
	parsed, err := protocol.ParseCredentialRequestResponseBytes([]byte(answer))
	if err != nil {
		return 0, refused(err)
	}
	if err := p.exact(&parsed.Response.CollectedClientData, challenge); err != nil {
		return 0, err
	}
	known := webauthn.Credential{ID: c.ID, PublicKey: c.PublicKey, Flags: webauthn.CredentialFlags{BackupEligible: c.Synced}}
	if _, err := p.library.ValidateLogin(account{user, []webauthn.Credential{known}}, p.session(user, challenge), parsed); err != nil {
		return 0, refused(err)
	}
	return parsed.Response.AuthenticatorData.Counter, nil
}

// exact refuses what the library would let pass: an origin that is ours but for
// case, a path or a user name in it, and a challenge that is shorter than ours are.
func (p *Party) exact(c *protocol.CollectedClientData, challenge []byte) error {
	switch {
	case c.Origin != p.origin:
		return fmt.Errorf("%w: it was made at the origin %.100q", ErrRefused, c.Origin)
	case len(challenge) != ChallengeSize || bytes.Equal(challenge, make([]byte, ChallengeSize)):
		return fmt.Errorf("%w: there was no challenge", ErrRefused)
	}
	return nil
}

// refused keeps what the library says of a failure: what it calls details and info
// is in no text of the error.
func refused(err error) error {
	if e, ok := errors.AsType[*protocol.Error](err); ok {
		return fmt.Errorf("%w: %s: %.200q %.300q", ErrRefused, e.Type, e.Details, e.DevInfo)
	}
	return fmt.Errorf("%w: %w", ErrRefused, err)
}
