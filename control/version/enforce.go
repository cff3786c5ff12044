package version

import (
	"context"

	"github.com/gatehouse-api/gatehouse"
)

var (
	gone    = &gatehouse.Answer{Status: 410, Reason: "version.closed", Public: "This version of the API is closed; see the Link field"}
	unknown = &gatehouse.Answer{Status: 404, Reason: "version.unknown", Public: "There is no such version of the API"}
)

func refuseClosed(context.Context, *gatehouse.Exchange) (gatehouse.Verdict, error) {
	return gatehouse.Deny(gone), nil
}

// refuse looks at requests that no operation takes: those of a closed version
// are no longer in the description.
func (v versions) refuse(ctx context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	segment := segmentOf(x.Request.Path)
	switch n := v[segment]; {
	case segment == "":
		return gatehouse.Pass, nil
	case n == nil:
		return gatehouse.Deny(unknown), nil
	case n.closed:
		return refuseClosed(ctx, x)
	}
	return gatehouse.Pass, nil
}

func (v versions) tell(ctx context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	if n := v[segmentOf(x.Request.Path)]; n != nil {
		return n.tell(ctx, x)
	}
	return gatehouse.Pass, nil
}

// tell writes the fields of a deprecated or closed version.
func (n *notice) tell(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	if n.deprecation == "" {
		return gatehouse.Pass, nil
	}
	f := &x.Response.Fields
	f.Set("deprecation", n.deprecation)
	f.Set("sunset", n.sunset)
	f.Add("link", n.link)
	return gatehouse.Pass, nil
}
