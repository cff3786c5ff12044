package nostore

import (
	"context"
	"strings"

	"github.com/gatehouse-api/gatehouse"
)

var unstored = gatehouse.NewPreset(gatehouse.Field{Name: "cache-control", Value: "no-store"})

func noStore(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	f := &x.Response.Fields
	f.SetAll(unstored)
	// Both would give a cache its own reasons (RFC 9111 section 5.3, 5.4).
	f.DelIf(func(name string) bool { return name == "expires" || name == "pragma" })
	return gatehouse.Pass, nil
}

// refusalsOnly leaves the upstream's word on its own replies alone.
func refusalsOnly(ctx context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	if x.Response.Own || x.Response.Status >= 400 {
		return noStore(ctx, x)
	}
	return gatehouse.Pass, nil
}

// private lets the caller's own cache keep what the upstream allows, and no
// shared one (RFC 9111 section 3.5).
func private(ctx context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	f := &x.Response.Fields
	said := f.Get("cache-control")
	if x.Response.Own || x.Response.Status >= 400 || said == "" || f.Count("cache-control") > 1 {
		return noStore(ctx, x)
	}
	for d := range strings.SplitSeq(said, ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(d), "=")
		if strings.EqualFold(name, "public") || strings.EqualFold(name, "s-maxage") {
			return noStore(ctx, x)
		}
	}
	f.Set("cache-control", x.Text("private, ", said))
	return gatehouse.Pass, nil
}
