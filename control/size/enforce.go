package size

import (
	"context"

	"github.com/gatehouse-api/gatehouse"
)

type enforce func(context.Context, *gatehouse.Exchange) (gatehouse.Verdict, error)

var tooLarge = &gatehouse.Answer{Status: 413, Reason: "size.body_too_large", Public: "The request body is too large"}

// bound tells the host how far it may read, before it reads.
func bound(limit int64) enforce {
	return func(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
		x.Request.BodyLimit = limit
		return gatehouse.Pass, nil
	}
}

// refuseLarger looks at what was read, and never at what was announced.
func refuseLarger(limit int64) enforce {
	return func(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
		if x.Request.BodyTooLarge || int64(len(x.Request.Body)) > limit {
			return gatehouse.Deny(tooLarge), nil
		}
		return gatehouse.Pass, nil
	}
}
