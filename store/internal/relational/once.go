package relational

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// sweepEvery is how often keys whose time is over are forgotten.
const sweepEvery = time.Minute

// onceTable is when the table was swept last.
type onceTable struct{ swept atomic.Int64 }

// once implements [store.Once].
type once struct{ s *Store }

func (o once) First(ctx context.Context, at time.Time, space, key string, ttl time.Duration) (bool, error) {
	name := o.s.dialect.Name
	if ttl <= 0 {
		return false, fmt.Errorf("%s: once: a lifetime of %s remembers nothing", name, ttl)
	}
	ctx, cancel := briefly(ctx)
	defer cancel()
	// One statement: of those at the same time one writes the row, and the others
	// wait for it and find it taken.
	r, err := o.s.write.ExecContext(ctx, o.s.sql(`INSERT INTO once (hash, until) VALUES (?, ?)
		ON CONFLICT (hash) DO UPDATE SET until = excluded.until WHERE once.until <= ?`), digest(space, key), micro(at.Add(ttl)), micro(at))
	if err != nil {
		return false, fmt.Errorf("%s: once: %w", name, err)
	}
	n, err := r.RowsAffected()
	if err != nil {
		return false, fmt.Errorf("%s: once: %w", name, err)
	}
	if last := o.s.once.swept.Load(); at.UnixNano()-last > int64(sweepEvery) && o.s.once.swept.CompareAndSwap(last, at.UnixNano()) {
		if _, err := o.s.write.ExecContext(ctx, o.s.sql(`DELETE FROM once WHERE until <= `+o.s.dialect.Earlier+` - ?`), micro(at), forgetAfter.Microseconds()); err != nil {
			return false, fmt.Errorf("%s: once: forgetting: %w", name, err)
		}
	}
	return n == 1, nil
}

// Since implements [store.Once]: what is acknowledged outlives the process.
func (once) Since() time.Time { return time.Time{} }

// digest is what is kept of a key: tokens and codes are in no database.
func digest(space, key string) []byte {
	h := sha256.New()
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], uint64(len(space)))
	h.Write(n[:])
	_, _ = io.WriteString(h, space)
	_, _ = io.WriteString(h, key)
	return h.Sum(nil)
}
