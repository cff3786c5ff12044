package idp

import (
	"context"
	"fmt"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

// newborn waits until a token of a person is one that holds. Tokens carry whole
// seconds, and a revocation covers the second it is rounded up to
// ([store.Ending.Subject]): whoever changes a password and signs in again at once
// would get tokens that are revoked already. It waits two seconds at the most; an
// operator may have revoked a person's tokens for longer, ahead.
func (s *Server) newborn(ctx context.Context, subject string) error {
	for range 2 {
		now := time.Now()
		second := now.Truncate(time.Second)
		holds, err := s.options.Store.Revocations().Holds(ctx, now, store.Issued{Issuer: s.options.Issuer, Subject: subject, At: second})
		if err != nil || holds {
			return err
		}
		select {
		case <-time.After(second.Add(time.Second).Sub(now)):
		case <-ctx.Done():
			return fmt.Errorf("idp: waiting for the second after a revocation: %w", ctx.Err())
		}
	}
	return nil
}
