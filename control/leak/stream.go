package leak

import (
	"bytes"
	"context"

	"github.com/gatehouse-api/gatehouse"
)

// item looks at one item of a sequence: at what it carries, and at the fields that
// name it.
func (l *look) item(_ context.Context, _ *gatehouse.Exchange, item *gatehouse.Item) (gatehouse.Verdict, error) {
	verdict := gatehouse.Pass
	for _, b := range [...][]byte{item.Data, item.Name, item.ID} {
		if len(b) == 0 {
			continue
		}
		json := bytes.TrimLeft(b, " \t\n")
		found, masked := l.success(b, len(json) > 0 && (json[0] == '{' || json[0] == '['))
		switch {
		case found != nothing:
			return gatehouse.Deny(blocked).Because(whats[found]), nil
		case masked:
			verdict = gatehouse.PassBy("leak.masked").Because(whats[cardNumber])
		}
	}
	return verdict, nil
}

// body is inspect, and says so where only the beginning of a body was looked at.
func (l *look) body(ctx context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	v, err := l.inspect(ctx, x)
	if err == nil && v.Silent() && x.Response.BodyTooLarge {
		return gatehouse.PassBy("leak.not_inspected"), nil
	}
	return v, err
}
