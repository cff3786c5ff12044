package idp

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/luikyv/go-oidc/pkg/goidc"

	"github.com/gatehouse-api/gatehouse/store"
)

// The numbers of device authorization (RFC 8628).
const (
	DeviceLife     = 10 * time.Minute // a device code, and the user code with it
	DeviceInterval = 5 * time.Second  // between two polls; and as much more after every one that came too soon
	// DeviceTries is how many user codes one person may enter in [DeviceLife]: of
	// 34.5 bits nobody guesses one that somebody waits for.
	DeviceTries = 5
)

const (
	userCodeLetters = "BCDFGHJKLMNPQRSTVWXZ" // RFC 8628 section 6.1: no vowels, hence no words
	userCodeLength  = 8
)

// DevicePath is where people enter the code that a device shows. An [Authenticator]
// writes the page.
const DevicePath = "/device"

// What a device's session has in its Store.
const (
	keyDevice   = "device"    // hash of the device code, in hexadecimal
	keyUserCode = "user code" // as the device shows it; it is spent when it stands here
)

// ErrUserCode says that nobody waits under a user code: it is mistyped, was used or
// is too old.
var ErrUserCode = errors.New("idp: there is no such user code")

// newUserCode is one as devices show it, in two groups.
func newUserCode() string {
	var code []byte
	var b [32]byte
	for len(code) < userCodeLength {
		_, _ = rand.Read(b[:]) // it never fails
		for _, c := range b {
			if c < 240 && len(code) < userCodeLength { // 12 times 20: every letter is as likely
				code = append(code, userCodeLetters[c%20])
			}
		}
	}
	return string(code[:4]) + "-" + string(code[4:])
}

// UserCode returns a user code as devices show it, however a person has written it,
// or "" where it can be none (RFC 8628 section 6.1).
func UserCode(typed string) string {
	var code []byte
	for _, r := range strings.ToUpper(typed) {
		switch {
		case strings.ContainsRune(userCodeLetters, r) && len(code) < userCodeLength+1:
			code = append(code, byte(r))
		case !strings.ContainsRune(" -_.", r):
			return ""
		}
	}
	if len(code) != userCodeLength {
		return ""
	}
	return string(code[:4]) + "-" + string(code[4:])
}

// The names under which a device's authorization stands in the store: what the device
// asks by, how often it asked, what the person enters, and how the browser comes back.
func deviceHash(code string) store.Hash   { return hash("device code " + code) }
func pollHash(code string) store.Hash     { return hash("device poll " + code) }
func userCodeHash(code string) store.Hash { return hash("user code " + code) }
func visitHash(id string) store.Hash      { return hash("device visit " + id) }

// deviceVisit is what the browser's id leads to.
type deviceVisit struct {
	Device   string // hash of the device code
	UserCode string
	Browser  string // hash of the cookie
}

// devicePoll is how a device asked so far.
type devicePoll struct {
	Next     time.Time
	Interval time.Duration
}

// beginDevice serves the device authorization endpoint (RFC 8628 section 3.1). The
// library's has other lifetimes, and keeps the codes as they are.
func (s *Server) beginDevice(w http.ResponseWriter, r *http.Request, a *asked) {
	c, err := s.client(r, a)
	if err != nil {
		s.unproven(w, a, err)
		return
	}
	as, err := s.deviceSession(c, r.PostForm)
	if e, ok := errors.AsType[goidc.Error](err); ok {
		s.failed(r.Context(), err)
		s.refuse(w, a, http.StatusBadRequest, string(e.Code), e.Description)
		return
	}
	device, code := random(r.Context()), newUserCode()
	if err == nil {
		err = s.manager.addDevice(r.Context(), as, device, code)
	}
	if err != nil {
		s.unproven(w, a, err)
		return
	}
	page := s.options.Issuer + DevicePath
	body, err := json.Marshal(map[string]any{
		"device_code": device, "user_code": code, "verification_uri": page, "verification_uri_complete": page + "?user_code=" + code,
		"expires_in": seconds(DeviceLife), "interval": seconds(DeviceInterval),
	})
	if err != nil {
		s.unproven(w, a, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}

// deviceSession is what a device asks for, when it may ask for it.
func (s *Server) deviceSession(c *store.Client, form url.Values) (*goidc.AuthnSession, error) {
	if !slices.Contains(c.Grants, grantDevice) {
		return nil, goidc.NewError(goidc.ErrorCodeUnauthorizedClient, "the client is not registered for device authorization")
	}
	for scope := range strings.FieldsSeq(form.Get("scope")) {
		if !s.mayHave(c, scope) {
			return nil, goidc.NewError(goidc.ErrorCodeInvalidScope, "a scope is not this client's")
		}
	}
	for _, resource := range form["resource"] {
		if !slices.Contains(s.options.Audiences, resource) {
			return nil, goidc.NewError(goidc.ErrorCodeInvalidTarget, "a resource is no API of this server")
		}
	}
	for acr := range strings.FieldsSeq(form.Get("acr_values")) {
		if acr != AAL1 && acr != AAL2 {
			return nil, goidc.NewError(goidc.ErrorCodeInvalidRequest, "acr_values must be aal1 or aal2")
		}
	}
	now := time.Now()
	return &goidc.AuthnSession{
		Status: goidc.StatusPending, ClientID: c.ID, PolicyID: policyPeople, CreatedAt: int(now.Unix()), ExpiresAt: int(now.Add(DeviceLife).Unix()), Store: map[string]any{},
		AuthorizationParameters: goidc.AuthorizationParameters{Scopes: form.Get("scope"), Resources: form["resource"], ACRValues: form.Get("acr_values")},
	}, nil
}

// addDevice keeps what a device asks for. The user code goes last: nobody finds a
// device that is not there yet.
func (m *manager) addDevice(ctx context.Context, as *goidc.AuthnSession, device, code string) error {
	h := deviceHash(device)
	as.Store[keyDevice] = hex.EncodeToString(h[:])
	data, err := json.Marshal(as)
	if err != nil {
		return fmt.Errorf("idp: writing a device's authorization: %w", err)
	}
	until := time.Unix(int64(as.ExpiresAt), 0)
	for _, a := range []store.Authorization{
		// The device is told of its end for a while after it.
		{ID: h, Data: data, Until: until.Add(DeviceLife)},
		{ID: pollHash(device), Data: []byte("{}"), Until: until.Add(DeviceLife)},
		{ID: hash(random(ctx)), Handle: userCodeHash(code), Data: h[:], Until: until},
	} {
		if err := m.store.Authorizations().Save(ctx, a); err != nil {
			return err
		}
	}
	return nil
}

// device serves the page on which people enter the code that a device shows.
func (s *Server) device(w http.ResponseWriter, r *http.Request) {
	s.options.Login.Device(w, r, func(typed string) (string, error) { return s.enter(w, r, typed) })
}

// enter spends a user code, and returns where the browser that spent it goes on.
func (s *Server) enter(w http.ResponseWriter, r *http.Request, typed string) (string, error) {
	ctx, code := r.Context(), UserCode(typed)
	if code == "" {
		return "", ErrUserCode
	}
	a, err := s.options.Store.Authorizations().Take(ctx, time.Now(), userCodeHash(code))
	if errors.Is(err, store.ErrNotFound) {
		return "", ErrUserCode
	}
	if err != nil {
		return "", err
	}
	browser := hash(browserOf(w, r))
	data, err := json.Marshal(deviceVisit{Device: hex.EncodeToString(a.Data), UserCode: code, Browser: hex.EncodeToString(browser[:])})
	if err != nil {
		return "", fmt.Errorf("idp: writing a visit: %w", err)
	}
	id := random(ctx)
	return DevicePath + "/" + id, s.options.Store.Authorizations().Save(ctx, store.Authorization{ID: visitHash(id), Data: data, Until: a.Until})
}

// devices gives the library the authorizations of devices.
type devices struct{ *manager }

// SaveSession keeps what became of a device's authorization, for the device to hear.
// Of two who decide at once one does.
func (d devices) SaveSession(ctx context.Context, as *goidc.AuthnSession) error {
	id, err := hashOf(as.Store[keyDevice])
	if err != nil {
		return err
	}
	version, _ := as.Store[keyVersion].(int64)
	c := *as
	c.ID, c.DeviceCode, c.UserCode = "", "", ""
	c.Store = map[string]any{}
	for _, k := range []string{keyDevice, keyWho, keyState} {
		if v, ok := as.Store[k]; ok {
			c.Store[k] = v
		}
	}
	data, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("idp: writing a device's authorization: %w", err)
	}
	a := store.Authorization{ID: id, Version: version, Data: data, Until: time.Unix(int64(as.ExpiresAt), 0).Add(DeviceLife)}
	if err := d.store.Authorizations().Save(ctx, a); err != nil {
		return conflict(err)
	}
	as.Store[keyVersion] = version + 1
	return nil
}

func hashOf(v any) (h store.Hash, err error) {
	text, _ := v.(string)
	if n, err := hex.Decode(h[:], []byte(text[:min(len(text), 2*len(h))])); err != nil || n != len(h) {
		return h, errors.New("idp: a device's authorization without its name")
	}
	return h, nil
}

// Session returns the authorization that a browser has entered the code of. One that
// is decided is not there any more.
func (d devices) Session(ctx context.Context, id string) (*goidc.AuthnSession, error) {
	a, err := d.store.Authorizations().Authorization(ctx, time.Now(), visitHash(id))
	if err != nil {
		return nil, notFound(err)
	}
	var v deviceVisit
	if err := json.Unmarshal(a.Data, &v); err != nil {
		return nil, fmt.Errorf("idp: reading a visit: %w", err)
	}
	h, err := hashOf(v.Device)
	if err != nil {
		return nil, err
	}
	as, err := d.session(ctx, h)
	if err != nil {
		return nil, err
	}
	if as.Status != goidc.StatusPending {
		return nil, goidc.ErrNotFound
	}
	as.ID, as.Store[keyBrowser], as.Store[keyUserCode] = id, v.Browser, v.UserCode
	return as, nil
}

func (d devices) session(ctx context.Context, h store.Hash) (*goidc.AuthnSession, error) {
	a, err := d.store.Authorizations().Authorization(ctx, time.Now(), h)
	if err != nil {
		return nil, notFound(err)
	}
	as, err := decodeSession(&a)
	if err == nil {
		as.Store[keyVersion] = a.Version
	}
	return as, err
}

// SessionByUserCode finds nothing: codes are entered by [Server.enter].
func (d devices) SessionByUserCode(context.Context, string) (*goidc.AuthnSession, error) {
	return nil, goidc.ErrNotFound
}

// SessionByDeviceCode returns the authorization that a device waits for, when it does
// not ask too often.
func (d devices) SessionByDeviceCode(ctx context.Context, code string) (*goidc.AuthnSession, error) {
	as, err := d.session(ctx, deviceHash(code))
	if err != nil {
		return nil, err
	}
	c := askedIn(ctx).client
	if as.Status != goidc.StatusPending || c == nil || c.ID != as.ClientID || time.Now().Unix() >= int64(as.ExpiresAt) {
		return as, nil // the library says what became of it, and refuses other clients
	}
	return as, d.polled(ctx, code)
}

// polled counts a poll, and refuses one that comes before its time: the device has to
// wait longer from then on (RFC 8628 section 3.5).
func (d devices) polled(ctx context.Context, code string) error {
	now := time.Now()
	a, err := d.store.Authorizations().Authorization(ctx, now, pollHash(code))
	if err != nil {
		return err
	}
	var p devicePoll
	if err := json.Unmarshal(a.Data, &p); err != nil {
		return fmt.Errorf("idp: reading the polls of a device: %w", err)
	}
	p.Interval = max(p.Interval, DeviceInterval)
	early := now.Before(p.Next)
	if early {
		p.Interval += DeviceInterval
	}
	p.Next = now.Add(p.Interval)
	if a.Data, err = json.Marshal(p); err != nil {
		return fmt.Errorf("idp: writing the polls of a device: %w", err)
	}
	err = d.store.Authorizations().Save(ctx, a)
	if early || errors.Is(err, store.ErrConflict) { // two at once
		return goidc.NewError(goidc.ErrorCodeSlowDown, "wait "+fmt.Sprint(seconds(p.Interval))+" seconds between two polls")
	}
	return err
}

// GrantByDeviceCode returns the grant that a person made to a device.
func (d devices) GrantByDeviceCode(ctx context.Context, code string) (*goidc.Grant, error) {
	g, err := d.store.Grants().ByCode(ctx, deviceHash(code))
	if err != nil {
		return nil, notFound(err)
	}
	if !g.Revoked.IsZero() {
		return nil, errors.New("idp: the grant was revoked")
	}
	out, err := decodeGrant(&g)
	if err != nil {
		return nil, err
	}
	out.AuthCodeConsumedAt, out.DeviceCodeConsumedAt = 0, unix(g.Spent)
	if out.Store[keyDevice] == nil {
		return nil, goidc.ErrNotFound
	}
	return withRefresh(out, out.DeviceCodeConsumedAt), nil
}
