package ratelimit

import (
	"context"
	"errors"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
	"github.com/gatehouse-api/gatehouse/store"
)

var (
	exceeded = &gatehouse.Answer{Status: 429, Reason: "ratelimit.exceeded", Public: "Too many requests"}
	failing  = &gatehouse.Answer{Status: 429, Reason: "ratelimit.failures", Public: "Too many failed attempts from this address"}
	// accepted is what a password reset answers when its limit is spent: what it
	// would answer otherwise, whether or not there is such an account.
	accepted = &gatehouse.Answer{Status: 202, Reason: "ratelimit.reset", Silent: true}
)

var errNoAddress = errors.New("ratelimit: the client has no address")

// refuseFailing refuses an address whose callers failed too often to prove who
// they are, before anything is verified. It charges nothing.
func (l *limiter) refuseFailing(ctx context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	if !x.Conn.Client.IsValid() {
		return gatehouse.Verdict{}, errNoAddress
	}
	s, err := l.counters.Peek(ctx, x.At, store.Charge{Limit: l.failures.limit, Key: addressKey(x)})
	if err != nil || !s.Refused {
		return gatehouse.Pass, err
	}
	note(x, l.failures, &s)
	return gatehouse.Deny(failing), nil
}

// chargeFailure charges an address one failure when the walk ended because
// nobody was proven. Refusals before that say nothing about credentials: a
// misled browser or an old client must not use up its network's failures.
func (l *limiter) chargeFailure(ctx context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	if x.Principal != nil || !x.Ended.Denied() || !endedAt(x, gatehouse.Authenticate) {
		return gatehouse.Pass, nil
	}
	var c store.Charges
	if err := add(&c, x, l.failures, new(string)); err != nil {
		return gatehouse.Verdict{}, err
	}
	_, err := l.counters.Take(ctx, x.At, c)
	return gatehouse.Pass, err
}

// endedAt reports whether a step of the stage ended the walk.
func endedAt(x *gatehouse.Exchange, stage gatehouse.Stage) bool {
	for i := len(x.Trail) - 1; i >= 0; i-- {
		if m := &x.Trail[i]; m.Said == gatehouse.SaidDeny || m.Said == gatehouse.SaidError {
			return x.Endpoint.Plan.Steps[m.Step].Stage == stage
		}
	}
	return false
}

// take charges all layers that bind the request, or none and refuses.
func (l *limiter) take(ctx context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	layers := l.open
	if p := x.Principal; p != nil {
		layers = l.app
		if p.Kind == "user" {
			layers = l.user
		}
	}
	var c store.Charges
	client, poll, caller := "", false, ""
	if l.token {
		client, poll = counted(x)
	}
	for i := range layers { // what may be left out stands at the end
		switch y := &layers[i]; {
		case poll && !y.device:
		case y.by == byClient:
			if client != "" {
				c.Add(y.limit, client)
			}
		case y.by == byAccount:
			if key := l.accountKey(x); key != "" {
				c.Add(y.limit, key)
			}
		default:
			if err := add(&c, x, y, &caller); err != nil {
				return gatehouse.Verdict{}, err
			}
		}
	}
	taken, err := l.counters.Take(ctx, x.At, c)
	if err != nil {
		return gatehouse.Verdict{}, err
	}
	var retry time.Duration
	for i := range c.Len() {
		s := &taken.Layers[i]
		if s.Refused {
			retry = max(retry, s.Retry)
		}
		if s.Refused == !taken.OK {
			note(x, &layers[i], s)
		}
	}
	if taken.OK {
		return gatehouse.Pass, nil
	}
	if l.silent {
		return gatehouse.Answering(accepted), nil
	}
	x.Quota.Retry = retry
	return gatehouse.Deny(exceeded), nil
}

// note makes s the quota that is shown, if it is tighter than what is there.
func note(x *gatehouse.Exchange, y *layer, s *store.Standing) {
	q := &x.Quota
	if s.Refused {
		q.Retry = max(q.Retry, s.Retry)
	}
	if y.hidden {
		return
	}
	if q.Layer != "" && (int64(s.Remaining) > q.Remaining || int64(s.Remaining) == q.Remaining && s.Reset <= q.Reset) {
		return
	}
	q.Layer, q.Limit, q.Window, q.Remaining, q.Reset = y.name, int64(y.limit.N), y.limit.Per, int64(s.Remaining), s.Reset
}

// show writes the fields of the tightest layer, and of no other.
func (l *limiter) show(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	q, f := &x.Quota, &x.Response.Fields
	if q.Retry > 0 && x.Ended.Denied() {
		f.Set("retry-after", x.Number(seconds(q.Retry)))
	}
	y := l.named(q.Layer)
	if y == nil {
		return gatehouse.Pass, nil
	}
	reset := seconds(q.Reset)
	if q.Retry > 0 { // a refusal: when it is worth asking again
		reset = seconds(q.Retry)
	}
	list := [5]gatehouse.Field{0: y.most, 3: y.policy} // draft-ietf-httpapi-ratelimit-headers-11
	if q.Limit != int64(y.limit.N) {                   // of another layer by the same name
		x.WriteNumber(&list[0], "x-ratelimit-limit", q.Limit)
	}
	x.WriteNumber(&list[1], "x-ratelimit-remaining", q.Remaining)
	// In seconds since 1970, as those who read this field expect.
	x.WriteNumber(&list[2], "x-ratelimit-reset", x.At.Unix()+reset)
	x.WriteText(&list[4], "ratelimit", y.prefix, list[1].Value, ";t=", x.Number(reset))
	f.SetLike(told, list[:])
	return gatehouse.Pass, nil
}

// told names the fields that say where a caller stands.
var told = gatehouse.NewPreset(gatehouse.Field{Name: "x-ratelimit-limit"}, gatehouse.Field{Name: "x-ratelimit-remaining"}, gatehouse.Field{Name: "x-ratelimit-reset"},
	gatehouse.Field{Name: "ratelimit-policy"}, gatehouse.Field{Name: "ratelimit"})

// named returns the layer that is shown under that name, or nil.
func (l *limiter) named(name string) *layer {
	if name == "" {
		return nil
	}
	for _, list := range [...][]layer{l.user, l.app, l.open} {
		for i := range list {
			if list[i].name == name && !list[i].hidden {
				return &list[i]
			}
		}
	}
	return nil
}

func seconds(d time.Duration) int64 { return int64((d + time.Second - 1) / time.Second) }

// add adds the charge of a layer. caller keeps the principal's key, once it was made, for
// the next layer.
func add(c *store.Charges, x *gatehouse.Exchange, y *layer, caller *string) error {
	switch y.by {
	case byNothing:
		c.Add(y.limit, "")
	case byAddress:
		if !x.Conn.Client.IsValid() {
			return errNoAddress
		}
		c.Add(y.limit, addressKey(x))
	default:
		if p := x.Principal; *caller == "" {
			*caller = x.Text(p.Kind, ":", x.Number(int64(len(p.Issuer))), ":", p.Issuer, p.ID)
		}
		c.Add(y.limit, *caller)
	}
	return nil
}

// addressKey returns the client's address, or the /64 of an IPv6 address: a
// single subscriber has at least that many of them. An IPv4 address counts the
// same however it is written (RFC 4291 section 2.5.5.2).
func addressKey(x *gatehouse.Exchange) string {
	a := x.Conn.Client.Unmap()
	b := a.As16()
	if a.Is4() {
		return x.Append(func(to []byte) []byte { return append(to, b[12:]...) })
	}
	return x.Append(func(to []byte) []byte { return append(to, b[:8]...) })
}

// accountKey returns the account that the body speaks of, in lower case and
// without surrounding spaces, so that its spellings share one count; or "".
func (l *limiter) accountKey(x *gatehouse.Exchange) string {
	d, err := jsonwalk.Of(&x.Request.Parsed, x.Request.Body, jsonwalk.Limits{})
	if err != nil || d.Len() == 0 || d.Kind(0) != jsonwalk.Object {
		return "" // the address counts alone; Validate refuses the body
	}
	m := d.Member(0, l.account)
	if m == jsonwalk.Missing || d.Kind(m) != jsonwalk.String {
		return ""
	}
	text := d.Text(m)
	return x.Append(func(to []byte) []byte {
		start := len(to)
		for len(text) > 0 {
			r, n := utf8.DecodeRune(text)
			text = text[n:]
			if !unicode.IsSpace(r) || len(to) > start {
				to = utf8.AppendRune(to, unicode.ToLower(r))
			}
		}
		for len(to) > start && to[len(to)-1] == ' ' {
			to = to[:len(to)-1]
		}
		return to
	})
}
