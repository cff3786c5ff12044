package password

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// session.password-policy: argon2id at the least of OWASP's parameters.
func TestAHashIsOfThePasswordAlone(t *testing.T) {
	h := NewHasher()
	phc, err := h.Hash(t.Context(), "correct horse pile of zebras")
	if err != nil || !strings.HasPrefix(phc, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatal(phc, err)
	}
	if again, _ := h.Hash(t.Context(), "correct horse pile of zebras"); again == phc {
		t.Error("two hashes of one password are the same: no salt")
	}
	for password, want := range map[string]bool{"correct horse pile of zebras": true, "correct horse pile of zebra": false, "": false, "Correct horse pile of zebras": false} {
		if ok, err := h.Verify(t.Context(), phc, password); ok != want || err != nil {
			t.Errorf("%q: %v, %v", password, ok, err)
		}
	}
	for _, bad := range []string{"x", "$2a$10$abc", strings.Replace(phc, "t=2", "t=1", 1), phc + "A", phc[:len(phc)-4]} {
		if ok, err := h.Verify(t.Context(), bad, "x"); ok || !errors.Is(err, ErrForm) {
			t.Errorf("%q: %v, %v", bad, ok, err)
		}
	}
}

func TestNobodysPasswordIsNeverRight(t *testing.T) {
	h := NewHasher()
	if ok, err := h.Verify(t.Context(), "", ""); ok || err != nil {
		t.Error(ok, err)
	}
}

func TestEveryKeyboardWritesTheSamePassword(t *testing.T) {
	h := NewHasher()
	phc, err := h.Hash(t.Context(), "Zu\u0308rich liegt am Zu\u0308richsee") // decomposed
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := h.Verify(t.Context(), phc, "Zürich liegt am Zürichsee"); !ok || err != nil {
		t.Error(ok, err)
	}
}

// TestAFloodOfPasswordsIsRefused holds the gate: never more hashes at once than
// processors, and an error for those who would wait too long.
func TestAFloodOfPasswordsIsRefused(t *testing.T) {
	h := NewHasher()
	var running, most, busy, done atomic.Int64
	release := make(chan struct{})
	var work sync.WaitGroup
	for range cap(h.lines) * 3 {
		work.Go(func() {
			err := h.turn(context.Background(), func() {
				n := running.Add(1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				<-release
				running.Add(-1)
				done.Add(1)
			})
			if errors.Is(err, ErrBusy) && busy.Add(1) == int64(cap(h.lines)*2) {
				close(release) // everybody else is in line or computes
			}
		})
	}
	work.Wait()
	if most.Load() > int64(runtime.NumCPU()) || done.Load() != int64(cap(h.lines)) || busy.Load() != int64(2*cap(h.lines)) {
		t.Errorf("%d at once, %d done, %d refused", most.Load(), done.Load(), busy.Load())
	}
	for range cap(h.slots) {
		h.slots <- struct{}{}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Hash(ctx, "whoever hangs up"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// session.password-policy
func TestThePolicy(t *testing.T) {
	blocked, err := ReadList(strings.NewReader("Xk7#pq2mVw9zLr4t\n\nsomething that leaked once\nsomething that leaked once\n"))
	if err != nil || len(blocked.sums) != 2 {
		t.Fatal(blocked, err)
	}
	p := Policy{Product: "Example Bank", Blocked: func() (*List, error) { return blocked, nil }}
	for password, want := range map[string]error{
		"seven zebras paint fences":                  nil,
		"purple monkey dishwasher x":                 nil,
		"J8#kd92mXw-0qLz":                            nil,
		"пароль для кофеварки":                       nil,
		"my dog eats blue bananas on the moon":       nil,
		strings.Repeat("lörem ipsüm ", 21) + "end.":  nil, // 256 characters, more bytes
		"J8#kd92mXw-0qL":                             ErrShort,
		"":                                           ErrShort,
		strings.Repeat("lörem ipsum ", 21) + "ends.": ErrLong,
		"a line\nand another one":                    ErrText,
		"not \xff text at all, is it":                ErrText,
		"passwordpassword":                           ErrCommon,
		"P@ssw0rd P@ssw0rd":                          ErrCommon,
		"Password1234567!":                           ErrCommon,
		"iloveyouforever123":                         ErrCommon,
		"qwertyuiop12345":                            ErrCommon,
		"1q2w3e4r5t6y7u8i":                           ErrCommon,
		"abcdefghijklmno":                            ErrCommon,
		"987654321987654321":                         ErrCommon,
		"aaaaaaaaaaaaaaaaaa":                         ErrCommon,
		"xk9xk9xk9xk9xk9xk9":                         ErrCommon,
		"administrator2026":                          ErrCommon,
		"Welcome2ExampleBank!":                       ErrCommon,
		"alice.smith@initech":                        ErrCommon,
		"alicesmith19840101":                         ErrCommon,
		"SMITH ALICE smith alice":                    ErrCommon,
		"xk7#PQ2mvw9zlr4t":                           ErrCommon,
		"Something That Leaked Once":                 ErrCommon,
	} {
		if err := p.Check(password, "alice.smith@initech.example"); !errors.Is(err, want) || want == nil && err != nil {
			t.Errorf("%q: %v; want %v", password, err, want)
		}
	}
}

func TestAListIsNotReadWithoutBound(t *testing.T) {
	if _, err := ReadList(strings.NewReader(strings.Repeat("x", 1<<20))); err == nil {
		t.Error("a line of a megabyte was read")
	}
}

func FuzzThePolicyNeverFails(f *testing.F) {
	f.Add("password", "alice@example.com")
	f.Fuzz(func(t *testing.T, password, about string) {
		if len(password) > 2000 || len(about) > 200 {
			return
		}
		err := Policy{Product: about}.Check(password, about)
		if again := (Policy{Product: about}).Check(Normal(password), about); fmt.Sprint(err) != fmt.Sprint(again) && !errors.Is(err, ErrText) {
			t.Errorf("%q: %v, and normalised %v", password, err, again)
		}
	})
}

func BenchmarkHash(b *testing.B) {
	h := NewHasher()
	for b.Loop() {
		if _, err := h.Hash(b.Context(), "correct horse pile of zebras"); err != nil {
			b.Fatal(err)
		}
	}
}
