package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/pgtest"
)

// token.key-rotation, token.revocable: in an emergency what the old keys signed is
// refused by every gateway of the store in less than a second, and new tokens are
// taken at once. An ordinary rotation ends nothing.
func TestAnEmergencyEndsEveryTokenOfTheOldKeys(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		emergency(t, []*selfHouse{startSelfOn(t, nil, "127.0.0.1", withPeople, often(), nil)})
	})
	t.Run("postgres", func(t *testing.T) {
		top := fmt.Sprintf("store: {postgres: %q}\n", pgtest.Start(t).Database(t)) + often()
		first := startSelfOn(t, nil, "127.0.0.1", withPeople, top, nil)
		emergency(t, []*selfHouse{first, startSelfOn(t, nil, "127.0.0.1", withPeople, top, first)})
	})
}

func emergency(t *testing.T, gateways []*selfHouse) {
	e := trusting(t, gateways)
	e.grant()
	e.command("keys", "rotate")
	for _, g := range gateways {
		if status, body := g.orders(e.token.AccessToken); status != 200 {
			t.Errorf("a token of the key that still signs: %d %s", status, body)
		}
	}
	e.command("keys", "rotate", "--emergency")
	began := time.Now()
	for _, g := range gateways {
		for {
			if status, _ := g.orders(e.token.AccessToken); status == 401 {
				break
			}
			if time.Since(began) > time.Second {
				t.Fatal("a token of a key that was dropped is accepted after a second")
			}
			time.Sleep(2 * time.Millisecond)
		}
	}
	t.Logf("figure tokens of dropped keys are refused by %d gateways after %s", len(gateways), time.Since(began).Round(time.Millisecond))
	e.grant()
}
