package rows

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/sdk/identity"
)

func alice(ctx context.Context) context.Context {
	return identity.With(ctx, identity.Identity{Kind: identity.User, Subject: "alice", Tenant: "acme"})
}

func TestWithoutAnIdentityThereIsNobody(t *testing.T) {
	if _, _, err := caller(t.Context()); !errors.Is(err, ErrNoIdentity) {
		t.Error(err)
	}
	if _, _, err := caller(identity.With(alice(t.Context()), identity.Identity{})); !errors.Is(err, ErrNoIdentity) {
		t.Error("an identity without a subject:", err)
	}
	if who, system, err := caller(alice(t.Context())); err != nil || system || who.Subject != "alice" {
		t.Error(who, system, err)
	}
}

func TestABypassIsLoggedWithItsReasonAndPlace(t *testing.T) {
	var log bytes.Buffer
	old := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&log, nil)))
	defer slog.SetDefault(old)
	ctx := AsSystem(alice(t.Context()), "nightly export")
	if _, system, err := caller(ctx); err != nil || !system {
		t.Error(system, err)
	}
	for _, part := range []string{"level=WARN", `msg="rows: not filtered"`, `reason="nightly export"`, "caller=rows/context_test.go:"} {
		if !strings.Contains(log.String(), part) {
			t.Errorf("the log lacks %s: %s", part, log.String())
		}
	}
}

func TestABypassWithoutAReasonIsNone(t *testing.T) {
	for _, reason := range []string{"", " \t\n"} {
		for _, ctx := range []context.Context{t.Context(), alice(t.Context())} {
			if _, system, err := caller(AsSystem(ctx, reason)); system || !errors.Is(err, ErrNoReason) {
				t.Errorf("%q: %v %v", reason, system, err)
			}
		}
	}
}

func TestAnIdentityThatComesAfterABypassEndsIt(t *testing.T) {
	ctx := alice(AsSystem(t.Context(), "the context of a server"))
	if who, system, err := caller(ctx); err != nil || system || who.Subject != "alice" {
		t.Error(who, system, err)
	}
	bob := identity.With(AsSystem(alice(t.Context()), "look up"), identity.Identity{Kind: identity.User, Subject: "bob"})
	if who, system, err := caller(bob); err != nil || system || who.Subject != "bob" {
		t.Error(who, system, err)
	}
}
