package idp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/luikyv/go-oidc/pkg/goidc"

	"github.com/gatehouse-api/gatehouse/store"
)

// SaveSession keeps an authorization that waits, and ends one that does not wait
// any more. Of two who end it at once one does: there are never two codes.
func (m *manager) SaveSession(ctx context.Context, as *goidc.AuthnSession) error {
	if as.Store == nil {
		as.Store = map[string]any{}
	}
	version, _ := as.Store[keyVersion].(int64)
	if as.Status != goidc.StatusPending {
		if version == 0 {
			return nil
		}
		return conflict(m.store.Authorizations().End(ctx, hash(as.ID), version))
	}
	c := *as
	c.ID, c.PushedAuthReqID = "", ""
	c.AuthorizationParameters = withoutSecrets(c.AuthorizationParameters)
	c.Store = maps.Clone(as.Store)
	delete(c.Store, keyVersion)
	data, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("idp: writing an authorization: %w", err)
	}
	a := store.Authorization{ID: hash(as.ID), Version: version, Data: data, Until: time.Unix(int64(as.ExpiresAt), 0)}
	if as.PushedAuthReqID != "" && version == 0 {
		a.Handle = hash(as.PushedAuthReqID)
	}
	if err := m.store.Authorizations().Save(ctx, a); err != nil {
		return conflict(err)
	}
	as.Store[keyVersion] = version + 1
	return nil
}

func conflict(err error) error {
	if errors.Is(err, store.ErrConflict) {
		return goidc.WrapError(goidc.ErrorCodeInvalidRequest, "this authorization has ended already", err)
	}
	return err
}

// Session returns an authorization that waits.
func (m *manager) Session(ctx context.Context, id string) (*goidc.AuthnSession, error) {
	a, err := m.store.Authorizations().Authorization(ctx, time.Now(), hash(id))
	if err != nil {
		return nil, notFound(err)
	}
	as, err := decodeSession(&a)
	if err == nil {
		as.ID, as.Store[keyVersion] = id, a.Version
	}
	return as, err
}

// SessionByPushedAuthReqID takes a pushed request out of the store: whatever
// becomes of it, its handle is used. It goes on under a new id, which nobody knows.
func (m *manager) SessionByPushedAuthReqID(ctx context.Context, handle string) (*goidc.AuthnSession, error) {
	a, err := m.store.Authorizations().Take(ctx, time.Now(), hash(handle))
	if err != nil {
		return nil, notFound(err)
	}
	as, err := decodeSession(&a)
	if err == nil {
		as.ID = random(ctx)
	}
	return as, err
}

func decodeSession(a *store.Authorization) (*goidc.AuthnSession, error) {
	as := &goidc.AuthnSession{}
	if err := json.Unmarshal(a.Data, as); err != nil {
		return nil, fmt.Errorf("idp: reading an authorization: %w", err)
	}
	if as.Store == nil {
		as.Store = map[string]any{}
	}
	return as, nil
}
