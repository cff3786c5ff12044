package idp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	gojose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/gatehouse-api/gatehouse/internal/jose"
	"github.com/gatehouse-api/gatehouse/store"
)

// The numbers of back-channel logout. A client that does not answer is tried again
// after 10 s and then ever more slowly ([store.LogoutAgain]), about five hours long.
const (
	// LogoutTimeout is how long a client may take to answer. It is shorter than the
	// time after which another gateway tries.
	LogoutTimeout = 5 * time.Second
	logoutTries   = 10
	logoutsAtOnce = 16
	logoutLife    = 2 * time.Minute // of a logout token (section 2.4: at most)
	logoutsEvery  = 5 * time.Second // how often the store is asked for those to try again
	logoutType    = "logout+jwt"
	logoutEvent   = "http://schemas.openid.net/event/backchannel-logout"
	mostAnswer    = 4 << 10 // bytes of a client's answer that are read, so that the connection can be used again
)

// tellClients tells clients of logouts (OpenID Connect Back-Channel Logout 1.0) until
// ctx ends: when something ended, here or by another process, and again where a
// client did not answer.
func (s *Server) tellClients(ctx context.Context, ended <-chan struct{}) {
	tick := time.NewTicker(logoutsEvery)
	defer tick.Stop()
	for {
		s.tellDue(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ended:
		case <-tick.C:
		}
	}
}

// tellDue tells everybody who has to be told now.
func (s *Server) tellDue(ctx context.Context) {
	for ctx.Err() == nil {
		list, err := s.options.Store.Logouts().Claim(ctx, time.Now(), s.options.Issuer, logoutsAtOnce)
		if err != nil && ctx.Err() == nil {
			s.log.Error("the store does not say who has to be told of logouts", "error", err)
		}
		var all sync.WaitGroup
		for _, l := range list {
			all.Go(func() { s.tell(ctx, &l) })
		}
		all.Wait()
		if err != nil || len(list) < logoutsAtOnce {
			return
		}
	}
}

// tell tells one client, and settles the logout unless it is to be tried again.
func (s *Server) tell(ctx context.Context, l *store.Logout) {
	c, err := s.options.Store.Clients().Client(ctx, l.Client)
	gone := errors.Is(err, store.ErrNotFound) || err == nil && c.BackchannelLogoutURI == ""
	if err == nil && !gone {
		err = s.postLogout(ctx, c.BackchannelLogoutURI, l)
	}
	log := s.log.With("client", l.Client, "subject", l.Subject, "sid", l.Session, "try", l.Tries)
	switch {
	case gone:
		log.Info("a client wants to be told of logouts no more")
	case err == nil:
		log.Info("a client was told of a logout")
	case ctx.Err() != nil:
		return // another gateway, or this one when it is back, tells it
	case l.Tries < logoutTries:
		log.Warn("a client was not told of a logout", "again", store.LogoutAgain(l.Tries), "error", err)
		return
	default:
		log.Error("a client was not told of a logout, and is given up", "error", err)
	}
	if err := s.options.Store.Logouts().Settle(ctx, l.ID); err != nil && !errors.Is(err, store.ErrNotFound) {
		log.Error("a logout was not settled: the client is told again", "error", err)
	}
}

// postLogout sends a logout token (section 2.5).
func (s *Server) postLogout(ctx context.Context, uri string, l *store.Logout) error {
	token, err := s.logoutToken(ctx, l)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, LogoutTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, uri, strings.NewReader(url.Values{"logout_token": {token}}.Encode()))
	if err != nil {
		return fmt.Errorf("idp: telling of a logout: %w", err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := s.options.Backchannel.Do(r)
	if err != nil {
		return fmt.Errorf("idp: telling of a logout: %w", err)
	}
	defer res.Body.Close()
	_, _ = io.CopyN(io.Discard, res.Body, mostAnswer) // what it says is nobody's concern
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusNoContent {
		return fmt.Errorf("idp: telling of a logout: the client answered %d", res.StatusCode)
	}
	return nil
}

// logoutToken makes a logout token (section 2.4). Its type keeps it from being taken
// for any other token, and there is no nonce in it, so that it is no id_token.
func (s *Server) logoutToken(ctx context.Context, l *store.Logout) (string, error) {
	now := time.Now().Unix()
	claims := map[string]any{
		"iss": s.options.Issuer, "sub": l.Subject, "aud": l.Client, "iat": now, "exp": now + int64(logoutLife/time.Second),
		"jti": random(ctx), "events": map[string]struct{}{logoutEvent: {}},
	}
	if l.Session != "" {
		claims["sid"] = l.Session
	}
	return s.options.Keys.sign(logoutType, claims)
}

// sign writes a token of a type with the key that signs now.
func (k *Keys) sign(typ string, claims map[string]any) (string, error) {
	key := k.set.Load().library.Keys[0]
	signer, err := gojose.NewSigner(
		gojose.SigningKey{Algorithm: gojose.SignatureAlgorithm(jose.ES256), Key: gojose.JSONWebKey{Key: key.Key, KeyID: key.KeyID}},
		(&gojose.SignerOptions{}).WithType(gojose.ContentType(typ)))
	if err != nil {
		return "", fmt.Errorf("idp: signing: %w", err)
	}
	text, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		return "", fmt.Errorf("idp: signing: %w", err)
	}
	return text, nil
}

// checkBackchannel takes https, and this machine: in development nothing else is at
// hand. What is called in the end is judged when it is called.
func checkBackchannel(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.String() != text || u.Host == "" || u.User != nil || strings.ContainsAny(text, "#\\ ") ||
		u.Scheme != "https" && !(u.Scheme == "http" && loopback(u.Hostname())) {
		return fmt.Errorf("%w: the back-channel logout URI %q is neither https nor on this machine, or has a fragment or a user", store.ErrInvalid, text)
	}
	return nil
}

func loopback(host string) bool { return host == "127.0.0.1" || host == "::1" || host == "localhost" }
