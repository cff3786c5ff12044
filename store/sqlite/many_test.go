package sqlite

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/race"
	"github.com/gatehouse-api/gatehouse/store"
)

// token.revocable: an entry is heard of in time among 100,000 others, also when
// entries come faster than the list can be read.
func TestAnEntryAmongManyIsHeardOfInTime(t *testing.T) {
	const burst = 50
	many := 100_000
	if race.Enabled {
		many = 2_000 // SQLite itself is under the detector, too
	}
	path, now := fresh(t), time.Now()
	s, err := OpenStore(t.Context(), path, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	db, err := openForWriting(path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx := func(statement string, args ...any) {
		t.Helper()
		if _, err := db.Exec(statement, args...); err != nil {
			t.Fatal(err)
		}
	}
	tx(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1)
		INSERT INTO revocation SELECT 'token', 'https://login.example.com', 'jti-' || i, i, 0, 'load', 'test', ?2, ?3 FROM n`, many, now.UnixMicro(), now.Add(time.Hour).UnixMicro())
	tx(`UPDATE change SET seq = ? WHERE role = 'revocation'`, many)
	var known, calls atomic.Int64
	began := time.Now()
	stop, err := s.Revocations().Watch(func(l []store.Revocation) { known.Store(int64(len(l))); calls.Add(1) })
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	t.Logf("figure the first reading of %d revocations %s", known.Load(), time.Since(began))
	began = time.Now()
	for i := range burst {
		if err := s.Revocations().Revoke(t.Context(), store.Revocation{Kind: store.RevokeGrant, Subject: fmt.Sprint(i), At: now, Until: now.Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	written := time.Now()
	for known.Load() != int64(many+burst) && time.Since(written) < time.Second {
		time.Sleep(time.Millisecond)
	}
	t.Logf("figure %d more written in %s, all known %s after the last, told of %d times", burst, written.Sub(began), time.Since(written), calls.Load()-1)
	if known.Load() != int64(many+burst) {
		t.Errorf("%d entries are known a second after the last was acknowledged; want %d", known.Load(), many+burst)
	}
}
