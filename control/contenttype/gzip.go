package contenttype

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"

	"github.com/gatehouse-api/gatehouse"
)

// The bounds of what a body may become (VALIDATION.md section 7).
const (
	free         = 64 << 10 // bytes that may be reached whatever the ratio
	ratio        = 100      // bytes that one byte may become beyond them
	defaultLimit = 1 << 20  // where no control bounds bodies
	kept         = 64 << 10 // the most memory that an inflater takes back into its pool
)

// inflater is the memory of one decoding.
type inflater struct {
	in  bytes.Reader
	zip gzip.Reader
	out []byte
}

var (
	errGzip  = errors.New("not one gzip member")
	errLarge = errors.New("too large")
	errRatio = errors.New("too much for its size")
)

// decode puts the decoded body in the place of the coded one, and takes away the
// fields that speak of the coded bytes: what is judged from here on is what is
// forwarded.
func (k *check) decode(_ context.Context, x *gatehouse.Exchange) (gatehouse.Verdict, error) {
	q := &x.Request
	if _, ok := coded(q.Fields); !ok || !q.HasBody {
		return gatehouse.Pass, nil
	}
	if q.BodyTooLarge {
		return gatehouse.Deny(tooLarge), nil
	}
	d, ok := k.inflate.Get().(*inflater)
	if !ok {
		d = new(inflater)
	}
	limit := q.BodyLimit
	if limit <= 0 {
		limit = defaultLimit
	}
	err := d.decode(q.Body, limit)
	if err == nil {
		// The exchange keeps the one memory and the inflater the other.
		q.Body, d.out = d.out, q.Body[:0]
		if q.Parsed != nil {
			q.Parsed.Reset()
		}
		for _, name := range [...]string{"content-encoding", "content-digest", "repr-digest", "digest", "content-md5"} {
			q.Fields.Del(name)
		}
	}
	d.in.Reset(nil)
	if cap(d.out) <= kept {
		k.inflate.Put(d)
	}
	switch {
	case errors.Is(err, errLarge):
		return gatehouse.Deny(tooLarge), nil
	case errors.Is(err, errRatio):
		return gatehouse.Deny(bomb), nil
	case err != nil:
		return gatehouse.Deny(badGzip), nil
	}
	return gatehouse.PassBy("contenttype.decoded"), nil
}

// decode decodes exactly one member (RFC 1952 section 2.2): of several some
// programs read the first only.
func (d *inflater) decode(body []byte, limit int64) error {
	bound, over := limit, errLarge
	if most := max(free, ratio*int64(len(body))); most < bound {
		bound, over = most, errRatio
	}
	d.in.Reset(body)
	if d.zip.Reset(&d.in) != nil {
		return errGzip
	}
	d.zip.Multistream(false)
	d.out = d.out[:0]
	for {
		if len(d.out) == cap(d.out) {
			d.out = append(d.out, 0)[:len(d.out)]
		}
		n, err := d.zip.Read(d.out[len(d.out):cap(d.out)])
		d.out = d.out[:len(d.out)+n]
		switch {
		case int64(len(d.out)) > bound:
			return over
		case err == io.EOF && d.in.Len() == 0:
			return nil
		case err != nil:
			return errGzip
		}
	}
}
