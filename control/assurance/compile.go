package assurance

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/gatehouse-api/gatehouse"
)

// levels are the names of the levels, in their order from 1.
var levels = []string{"aal1", "aal2", "aal3"}

// demand is what one endpoint demands.
type demand struct {
	level   uint8             // 0 is none
	clients bool              // calling for themselves are let through
	maxAge  time.Duration     // 0 is none
	bound   gatehouse.Binding // of which one suffices; 0 is none
	age     string            // the parameter max_age of the challenge, or ""
}

// Compile makes the step of an endpoint that demands something.
func (c *Config) Compile(b *gatehouse.Build) ([]gatehouse.Step, error) {
	if b.Operation == nil || *c == (Config{}) {
		return nil, nil
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	if b.Public != nil {
		return nil, nil // nobody is proven there
	}
	d := &demand{level: uint8(slices.Index(levels, c.Level) + 1), maxAge: c.MaxAge, clients: c.Clients}
	switch c.SenderConstrained {
	case byDPoP:
		d.bound = gatehouse.BoundToKey
	case byMTLS:
		d.bound = gatehouse.BoundToCertificate
	case byEither:
		d.bound = gatehouse.BoundToKey | gatehouse.BoundToCertificate
	}
	if c.MaxAge > 0 {
		d.age = `, max_age="` + strconv.FormatInt(int64(c.MaxAge/time.Second), 10) + `"`
	}
	return []gatehouse.Step{{Control: Kind.Name, Stage: gatehouse.Authorize, Need: gatehouse.Head, Enforce: d.enforce}}, nil
}

func (c *Config) check() error {
	var faults []error
	fault := func(key, says, fix string) { faults = append(faults, &gatehouse.Fault{Key: key, Says: says, Fix: fix}) }
	if c.Level != "" && !slices.Contains(levels, c.Level) {
		fault("level", fmt.Sprintf("%q is no level", c.Level), "level: aal2")
	}
	if c.MaxAge < 0 || c.MaxAge > mostAge || c.MaxAge%time.Second != 0 {
		fault("max_age", fmt.Sprintf("%s is not whole seconds up to %s", c.MaxAge, mostAge), "max_age: 15m")
	}
	if c.Clients && c.Level == "" && c.MaxAge == 0 {
		fault("clients", "nothing is demanded of persons that clients could be spared", "level: aal2")
	}
	if s := c.SenderConstrained; s != "" && s != byDPoP && s != byMTLS && s != byEither {
		fault("sender_constrained", fmt.Sprintf("%q is nothing that a token is bound by", s), "sender_constrained: either")
	}
	return errors.Join(faults...)
}
