package main

import (
	"log/slog"
	"sync"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

// revocationLog writes every revocation down when this gateway hears of it, whoever
// made it and where: a page, a command, another gateway, a detector.
type revocationLog struct {
	log   *slog.Logger
	mu    sync.Mutex
	begun bool
	known map[revoked]time.Time // when it was made
}

// revoked is what an entry is about.
type revoked struct {
	kind            store.RevocationKind
	issuer, subject string
}

// watchRevocations begins to write, until the store is closed. What was revoked
// before is known.
func watchRevocations(from store.Revocations, log *slog.Logger) error {
	l := &revocationLog{log: log}
	_, err := from.Watch(l.changed)
	return err
}

func (l *revocationLog) changed(list []store.Revocation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := make(map[revoked]time.Time, len(list))
	for i := range list {
		r := &list[i]
		key := revoked{r.Kind, r.Issuer, r.Subject}
		if at, known := l.known[key]; l.begun && (!known || !at.Equal(r.At)) {
			l.log.Warn("revoked", "kind", r.Kind, "what", r.Subject, "issuer", r.Issuer, "because", r.Because, "author", r.Author)
		}
		now[key] = r.At
	}
	l.known, l.begun = now, true
}
