package rows

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/gatehouse-api/gatehouse/sdk/identity"
)

var (
	// ErrNoIdentity says that the context is of no request with a caller, so there is
	// nobody whose rows these could be.
	ErrNoIdentity = errors.New("rows: the context has no identity: put identity.Verifier.Middleware in front of the handler and pass the request's context on")
	// ErrNoReason says that [AsSystem] was called without a reason.
	ErrNoReason = errors.New("rows: AsSystem was called without a reason")
)

// systemKey is what a bypass stands under in a context.
type systemKey struct{}

// bypass is that the application itself asks.
type bypass struct {
	reason string
	over   identity.Identity // who asked where the bypass began
}

// AsSystem returns a context whose queries are not filtered: the application itself
// asks, for this reason. It is the only bypass, and meant to be found: by its name in
// the source, and in the log, where every call is a line "rows: not filtered" with
// the reason and the place of the call. Without a reason every query of the context
// fails with [ErrNoReason]. An identity that comes into the context afterwards ends it.
func AsSystem(ctx context.Context, reason string) context.Context {
	reason = strings.TrimSpace(reason)
	if reason != "" {
		slog.WarnContext(ctx, "rows: not filtered", "reason", reason, "caller", callerOf(2))
	}
	over, _ := identity.From(ctx)
	return context.WithValue(ctx, systemKey{}, bypass{reason, over})
}

// callerOf returns folder, file and line of the function that many calls up.
func callerOf(up int) string {
	_, file, line, ok := runtime.Caller(up)
	if !ok {
		return "unknown"
	}
	dir, name := filepath.Split(file)
	return filepath.Base(dir) + "/" + name + ":" + strconv.Itoa(line)
}

// caller returns who asks, or that the application itself does. The error is
// [ErrNoIdentity] or [ErrNoReason].
func caller(ctx context.Context) (who identity.Identity, system bool, err error) {
	who, known := identity.From(ctx)
	if b, ok := ctx.Value(systemKey{}).(bypass); ok && same(b.over, who) {
		if b.reason == "" {
			return identity.Identity{}, false, ErrNoReason
		}
		return identity.Identity{}, true, nil
	}
	if !known {
		return identity.Identity{}, false, ErrNoIdentity
	}
	return who, false, nil
}

// same reports whether a and b are one caller.
func same(a, b identity.Identity) bool {
	return a.Kind == b.Kind && a.Issuer == b.Issuer && a.Subject == b.Subject && a.Tenant == b.Tenant
}
