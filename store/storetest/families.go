package storetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

// Families is the roles that remember grants and what descends from them.
type Families struct {
	Grants      store.Grants
	Tokens      store.RefreshTokens
	Revocations store.Revocations
}

const grace = 10 * time.Second

func hash(s string) store.Hash { return sha256.Sum256([]byte(s)) }

func grantOf(id string) store.Grant {
	return store.Grant{ID: id, Subject: "alice", Client: "app", Data: []byte(`{"n":1}`), Code: hash("code " + id), Made: start, Until: start.Add(720 * time.Hour)}
}

func token(name string, at time.Time) store.RefreshToken {
	return store.RefreshToken{Hash: hash(name), Made: at, Until: at.Add(168 * time.Hour)}
}

func endOf(id string) store.Revocation {
	return store.Revocation{Kind: store.RevokeGrant, Issuer: "https://login.example.com", Subject: id, At: start, Until: start.Add(time.Hour)}
}

// family puts a grant in, redeems its code and returns its first token's name.
func family(t *testing.T, f Families, id string) string {
	t.Helper()
	if err := f.Grants.Add(t.Context(), grantOf(id)); err != nil {
		t.Fatal(err)
	}
	first := token(id+" 0", start)
	if err := f.Grants.Redeem(t.Context(), start, id, []byte(`{"n":2}`), &first); err != nil {
		t.Fatal(err)
	}
	return id + " 0"
}

// rotate uses a token at a time after the start, for one with the given name.
func (f Families) rotate(t *testing.T, after time.Duration, from, to string) error {
	at := start.Add(after)
	return f.Tokens.Rotate(t.Context(), at, hash(from), token(to, at), grace)
}

func want(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v; want %v", what, err, want)
	}
}

// RefreshFamilies tests what open opens: codes, rotation, the end of families
// (token.refresh-rotation, token.refresh-reuse, token.refresh-serverside).
func RefreshFamilies(t *testing.T, open func(t *testing.T) Families) {
	t.Run("a grant is there as it was put in", func(t *testing.T) {
		f := open(t)
		g := grantOf("g")
		want(t, "adding", f.Grants.Add(t.Context(), g), nil)
		want(t, "adding again", f.Grants.Add(t.Context(), g), store.ErrExists)
		other := grantOf("h")
		other.Code = g.Code
		want(t, "adding one with the same code", f.Grants.Add(t.Context(), other), store.ErrExists)
		want(t, "adding nobody's", f.Grants.Add(t.Context(), store.Grant{ID: "x"}), store.ErrInvalid)
		got, err := f.Grants.ByCode(t.Context(), g.Code)
		if err != nil || got.ID != "g" || string(got.Data) != `{"n":1}` || !got.Until.Equal(g.Until) || !got.Spent.IsZero() {
			t.Errorf("%+v, %v", got, err)
		}
		_, err = f.Grants.Grant(t.Context(), "none")
		want(t, "reading none", err, store.ErrNotFound)
		_, err = f.Grants.ByCode(t.Context(), hash("none"))
		want(t, "reading by no code", err, store.ErrNotFound)
	})
	t.Run("a code is redeemed once", func(t *testing.T) {
		f := open(t)
		first := family(t, f, "g")
		again := token("other", start)
		want(t, "redeeming again", f.Grants.Redeem(t.Context(), start, "g", nil, &again), store.ErrSpent)
		want(t, "redeeming none", f.Grants.Redeem(t.Context(), start, "none", nil, nil), store.ErrNotFound)
		tok, g, err := f.Tokens.Token(t.Context(), hash(first))
		if err != nil || g.ID != "g" || string(g.Data) != `{"n":2}` || g.Spent.IsZero() || !tok.Spent.IsZero() {
			t.Errorf("%+v %+v %v", tok, g, err)
		}
		_, _, err = f.Tokens.Token(t.Context(), hash("other"))
		want(t, "the token of the second redemption", err, store.ErrNotFound)
	})
	t.Run("of fifty who redeem one code one does", func(t *testing.T) {
		f := open(t)
		want(t, "adding", f.Grants.Add(t.Context(), grantOf("g")), nil)
		var won atomic.Int64
		together(50, func(i int) {
			first := token("t"+strconv.Itoa(i), start)
			switch err := f.Grants.Redeem(t.Context(), start, "g", nil, &first); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, store.ErrSpent):
				t.Error(err)
			}
		})
		if won.Load() != 1 {
			t.Errorf("%d redeemed the code", won.Load())
		}
	})
	t.Run("a token is rotated, and only its last use counts", func(t *testing.T) {
		f := open(t)
		family(t, f, "g")
		for i := range 5 {
			want(t, "rotating", f.rotate(t, time.Duration(i)*time.Minute, fmt.Sprint("g ", i), fmt.Sprint("g ", i+1)), nil)
		}
		want(t, "an unknown token", f.rotate(t, 0, "none", "x"), store.ErrNotFound)
		want(t, "an old token", f.rotate(t, time.Hour, "g 2", "x"), store.ErrReused)
	})
	t.Run("a lost response is forgiven for ten seconds", func(t *testing.T) {
		f := open(t)
		family(t, f, "g")
		want(t, "first", f.rotate(t, 0, "g 0", "a"), nil)
		want(t, "within the grace", f.rotate(t, grace, "g 0", "b"), nil)
		want(t, "after the grace", f.rotate(t, grace+time.Second, "g 0", "c"), store.ErrReused)
	})
	t.Run("a token has three successors at most", func(t *testing.T) {
		f := open(t)
		family(t, f, "g")
		for i := range store.MaxSiblings {
			want(t, "sibling", f.rotate(t, time.Second, "g 0", strconv.Itoa(i)), nil)
		}
		want(t, "one sibling too many", f.rotate(t, time.Second, "g 0", "x"), store.ErrSpent)
	})
	t.Run("the grace is for the immediate parent only", func(t *testing.T) {
		f := open(t)
		family(t, f, "g")
		want(t, "first", f.rotate(t, 0, "g 0", "a"), nil)
		want(t, "second", f.rotate(t, time.Second, "a", "b"), nil)
		want(t, "the grandparent", f.rotate(t, 2*time.Second, "g 0", "c"), store.ErrReused)
	})
	t.Run("the first sibling that is used ends the others", func(t *testing.T) {
		f := open(t)
		family(t, f, "g")
		want(t, "first", f.rotate(t, 0, "g 0", "a"), nil)
		want(t, "sibling", f.rotate(t, time.Second, "g 0", "b"), nil)
		want(t, "the line goes on", f.rotate(t, 2*time.Second, "b", "c"), nil)
		want(t, "the ended sibling at once", f.rotate(t, 3*time.Second, "a", "x"), store.ErrSpent)
		want(t, "the ended sibling later", f.rotate(t, time.Minute, "a", "x"), store.ErrReused)
	})
	t.Run("of fifty who use one token at most three get a successor, and one line goes on", func(t *testing.T) {
		f := open(t)
		family(t, f, "g")
		var won atomic.Int64
		together(50, func(i int) {
			switch err := f.rotate(t, 0, "g 0", "s"+strconv.Itoa(i)); {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, store.ErrSpent):
				t.Error(err)
			}
		})
		if n := won.Load(); n < 1 || n > store.MaxSiblings {
			t.Errorf("%d successors", n)
		}
		var lines atomic.Int64
		together(50, func(i int) {
			switch err := f.rotate(t, time.Second, "s"+strconv.Itoa(i), "l"+strconv.Itoa(i)); {
			case err == nil:
				lines.Add(1)
			case !errors.Is(err, store.ErrSpent) && !errors.Is(err, store.ErrNotFound):
				t.Error(err)
			}
		})
		if lines.Load() != 1 {
			t.Errorf("%d lines go on", lines.Load())
		}
	})
	t.Run("a revoked grant is the end of its tokens, and is told", func(t *testing.T) {
		f := open(t)
		first := family(t, f, "g")
		if alive, err := f.Grants.Revoke(t.Context(), start, "g", endOf("g")); !alive || err != nil {
			t.Fatal(alive, err)
		}
		if alive, err := f.Grants.Revoke(t.Context(), start, "g", endOf("g")); alive || err != nil {
			t.Error("a second time:", alive, err)
		}
		want(t, "rotating", f.rotate(t, 0, first, "x"), store.ErrRevoked)
		wantRevocations(t, f.Revocations, start, endOf("g"))
		_, err := f.Grants.Revoke(t.Context(), start, "g", store.Revocation{})
		want(t, "an entry that revokes nothing", err, store.ErrInvalid)
		want(t, "adding another", f.Grants.Add(t.Context(), grantOf("h")), nil)
		if _, err := f.Grants.Revoke(t.Context(), start, "h", endOf("h")); err != nil {
			t.Fatal(err)
		}
		want(t, "redeeming a revoked grant's code", f.Grants.Redeem(t.Context(), start, "h", nil, nil), store.ErrRevoked)
	})
	t.Run("grants are forgotten with their tokens when their time is over", func(t *testing.T) {
		f := open(t)
		first := family(t, f, "g")
		end := grantOf("g").Until
		if n, err := f.Tokens.Forget(t.Context(), end, 100); n != 0 || err != nil {
			t.Error("too early:", n, err)
		}
		if n, err := f.Tokens.Forget(t.Context(), end.Add(time.Second), 100); n != 1 || err != nil {
			t.Error(n, err)
		}
		_, _, err := f.Tokens.Token(t.Context(), hash(first))
		want(t, "its token", err, store.ErrNotFound)
	})
}

// rotateOnce makes a grant, redeems its code and rotates its token once.
func rotateOnce(ctx context.Context, o Opened, now time.Time, id string) error {
	if err := o.Grants.Add(ctx, store.Grant{ID: id, Subject: "alice", Client: "app", Code: hash(id), Made: now, Until: now.Add(time.Hour)}); err != nil {
		return err
	}
	first := token(id+" 0", now)
	if err := o.Grants.Redeem(ctx, now, id, nil, &first); err != nil {
		return err
	}
	if err := o.Tokens.Rotate(ctx, now, first.Hash, token(id+" 1", now), grace); err != nil {
		return err
	}
	fmt.Println("rotate", id)
	return nil
}

// rotated returns an error unless the rotation that was acknowledged is there: the
// spent token is spent and its successor is not.
func rotated(ctx context.Context, o Opened, id string) error {
	spent, _, err := o.Tokens.Token(ctx, hash(id+" 0"))
	if err != nil {
		return err
	}
	live, _, err := o.Tokens.Token(ctx, hash(id+" 1"))
	if err != nil {
		return err
	}
	if spent.Spent.IsZero() || !live.Spent.IsZero() {
		return fmt.Errorf("the token was spent at %s, its successor at %s", spent.Spent, live.Spent)
	}
	later := spent.Spent.Add(time.Minute)
	if err := o.Tokens.Rotate(ctx, later, hash(id+" 0"), token(id+" 2", later), grace); !errors.Is(err, store.ErrReused) {
		return fmt.Errorf("a spent token is usable: %w", err)
	}
	return nil
}
