package ratelimit

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/store"
)

// by is what a layer's key is made of.
type by uint8

const (
	byNothing by = iota
	byAddress
	byPrincipal
	byAccount
	byClient
)

// layer is one limit of one endpoint, compiled.
type layer struct {
	name   string
	limit  *store.Limit
	by     by
	hidden bool            // never shown to the caller
	most   gatehouse.Field // X-RateLimit-Limit
	policy gatehouse.Field // RateLimit-Policy
	prefix string          // value of RateLimit up to the number
	device bool            // is for devices that poll, too
}

// limiter holds the layers of one endpoint.
type limiter struct {
	counters store.Counters
	open     []layer // nobody is authenticated
	user     []layer
	app      []layer
	failures *layer // what failing to authenticate costs; nil where nobody has to
	account  string
	token    bool // a token endpoint
	silent   bool
}

// Compile implements [gatehouse.Control].
func (c *Config) Compile(b *gatehouse.Build) ([]gatehouse.Step, error) {
	kind := read
	if b.Operation != nil {
		kind = classify(b.Operation)
	}
	if err := c.check(b, kind); err != nil {
		return nil, err
	}
	counters, err := gatehouse.Require[store.Counters](b.Kept)
	if err != nil {
		return nil, fmt.Errorf("ratelimit: finding the counters: %w", err)
	}
	l := &limiter{counters: counters, silent: kind.silent, account: c.Account, token: c.TokenEndpoint}
	global := c.layer("global", "global", c.Global, byNothing)
	global.limit.Burst = max(c.Burst, c.Global.N/10)
	address := c.layer("ip", b.API+"/ip", c.IP, byAddress)
	global.device, address.device = true, true
	l.open = []layer{global, address}
	l.user = []layer{global, c.layer("user", b.API+"/user", c.User, byPrincipal)}
	l.app = []layer{global, c.layer("key", b.API+"/key", c.Key, byPrincipal)}
	need := gatehouse.Head
	if b.Operation != nil {
		need = l.addEndpoint(b, c, kind)
		if b.Public == nil {
			f := c.layer("ip", b.API+"/failures", c.IP, byAddress)
			f.hidden = kind.auth
			l.failures = &f
		}
	}
	if err := l.checkLimits(); err != nil {
		return nil, err
	}
	steps := []gatehouse.Step{
		{Stage: gatehouse.Limit, Need: need, Enforce: l.take},
		{Stage: gatehouse.Respond, Enforce: l.show},
	}
	if l.failures != nil {
		steps = append(steps,
			gatehouse.Step{Stage: gatehouse.Identify, Enforce: l.refuseFailing},
			gatehouse.Step{Stage: gatehouse.Respond, Enforce: l.chargeFailure})
	}
	for i := range steps {
		steps[i].Control = Kind.Name
	}
	return steps, nil
}

// addEndpoint adds the operation's own layers and returns what they need.
func (l *limiter) addEndpoint(b *gatehouse.Build, c *Config, kind class) gatehouse.Need {
	rate, space := c.Endpoint, b.API+"/endpoint/"+b.Operation.ID()
	if rate.N == 0 {
		rate = kind.preset
		if !kind.auth { // reads, searches and writes count together (limit.preset-read)
			space = b.API + "/" + kind.name
		}
	}
	of := func(space string, r Rate, by by) layer {
		return c.counting(store.SlidingWindow, "endpoint", space, r, by)
	}
	byAddressRate := rate
	if c.TokenEndpoint {
		byAddressRate.N *= 2
	}
	address, principal := of(space+"/ip", byAddressRate, byAddress), of(space, rate, byPrincipal)
	address.hidden = kind.auth // it would tell a guesser when to change the address
	l.open = append(l.open, address)
	l.user = append(l.user, principal)
	l.app = append(l.app, principal)
	if kind.auth {
		for _, list := range []*[]layer{&l.open, &l.user, &l.app} {
			for i := range *list {
				(*list)[i].hidden = kind.silent || (*list)[i].by != byPrincipal
			}
		}
		// Behind a token, guesses still come from an address.
		l.user, l.app = append(l.user, address), append(l.app, address)
	}
	last := of(space+"/account", rate, byAccount)
	switch {
	case c.TokenEndpoint:
		last = of(space+"/client", rate, byClient)
	case !kind.auth || c.Account == "":
		return gatehouse.Head
	}
	last.hidden = kind.silent || c.TokenEndpoint // like the address: it would tell a guesser
	l.open, l.user, l.app = append(l.open, last), append(l.user, last), append(l.app, last)
	return gatehouse.Body
}

// layer is a limit that counts as configured.
func (c *Config) layer(name, space string, r Rate, by by) layer {
	algorithm := store.Algorithm(c.Algorithm)
	if algorithm == 0 || by == byNothing {
		algorithm = store.TokenBucket
	}
	return c.counting(algorithm, name, space, r, by)
}

func (c *Config) counting(algorithm store.Algorithm, name, space string, r Rate, by by) layer {
	// A bucket remembers a time, which means nothing at another rate: endpoints with
	// limits of their own count apart.
	switch {
	case by == byNothing:
		space = fmt.Sprintf("%s %d/%s", space, r.N, r.Per)
	case algorithm == store.TokenBucket:
		space = fmt.Sprintf("%s %d/%s+%d", space, r.N, r.Per, c.Burst)
	}
	return layer{
		name:   name,
		limit:  (&store.Limit{Space: space, Algorithm: algorithm, N: r.N, Per: r.Per, Burst: c.Burst}).Ready(),
		by:     by,
		prefix: `"` + name + `";r=`,
		most:   gatehouse.Written("x-ratelimit-limit", strconv.Itoa(r.N)),
		policy: gatehouse.Written("ratelimit-policy", fmt.Sprintf(`"%s";q=%d;w=%d`, name, r.N, r.Per/time.Second)),
	}
}

func (l *limiter) checkLimits() error {
	var errs []error
	for _, list := range [][]layer{l.open, l.user, l.app} {
		for _, y := range list {
			if err := y.limit.Check(); err != nil {
				errs = append(errs, &gatehouse.Fault{Key: y.name, Says: err.Error(), Fix: y.name + ": 100/min"})
			}
		}
	}
	return errors.Join(errs...)
}

// check compares what is configured with what is required.
func (c *Config) check(b *gatehouse.Build, kind class) error {
	var errs []error
	waived := b.Waived(c.Waiver)
	for _, r := range []struct {
		key      string
		is, most Rate
		slug     gatehouse.Requirement
	}{
		{"global", c.Global, Rate{10_000, time.Second}, "limit.global"},
		{"key", c.Key, Rate{1000, time.Minute}, "limit.key"},
		{"user", c.User, Rate{100, time.Minute}, "limit.user"},
		{"ip", c.IP, Rate{30, time.Minute}, "limit.ip"},
		{"endpoint", c.Endpoint, kind.preset, "limit.preset-" + gatehouse.Requirement(kind.name)},
	} {
		switch {
		case r.is.N == 0 && r.key != "endpoint":
			errs = append(errs, &gatehouse.Fault{Key: r.key, Says: "there is no rate", Fix: r.key + ": " + r.most.String()})
		case r.is.looser(r.most) && !waived:
			errs = append(errs, &gatehouse.Fault{Key: r.key,
				Says: fmt.Sprintf("%s is looser than %s (%s)", r.is, r.most, r.slug),
				Fix:  fmt.Sprintf("%s: %s, or add waiver: {because: why, owner: who@example.com, until: 2027-06-30}", r.key, r.most)})
		}
	}
	if c.TokenEndpoint && (!kind.auth || c.Account != "") {
		errs = append(errs, &gatehouse.Fault{Key: "token_endpoint", Says: "the operation is no token endpoint, or its account is in JSON", Fix: "nothing: remove token_endpoint"})
	}
	switch {
	case c.Burst < 1:
		errs = append(errs, &gatehouse.Fault{Key: "burst", Says: "without a burst nothing is admitted", Fix: "burst: 10"})
	case c.Burst > 10 && !waived:
		errs = append(errs, &gatehouse.Fault{Key: "burst", Says: fmt.Sprintf("%d at once is looser than 10 (limit.token-bucket)", c.Burst),
			Fix: "burst: 10, or add waiver: {because: why, owner: who@example.com, until: 2027-06-30}"})
	}
	return errors.Join(errs...)
}
