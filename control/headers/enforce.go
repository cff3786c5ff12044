package headers

import (
	"context"

	"github.com/gatehouse-api/gatehouse"
)

func (f *fields) write(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	r := &x.Response.Fields
	for i := range f.always {
		r.Set(f.always[i].Name, f.always[i].Value)
	}
	if x.Conn.Secure {
		r.Set("strict-transport-security", f.hsts)
	} else {
		r.Del("strict-transport-security") // RFC 6797 section 7.2
	}
	r.Set("x-request-id", x.ID)
	return gatehouse.Pass, nil
}
