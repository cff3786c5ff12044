package acceptance

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse"
	"github.com/gatehouse-api/gatehouse/host"
	"github.com/gatehouse-api/gatehouse/internal/devissuer"
	"github.com/gatehouse-api/gatehouse/store"
	"github.com/gatehouse-api/gatehouse/store/memory"
)

// forfeits are the ways in which a token ends that has been let in: each returns when
// it has.
var forfeits = map[string]func(t testing.TB, r store.Revocations, issuer string){
	"the token is revoked": func(t testing.TB, r store.Revocations, issuer string) {
		revoke(t, r, store.Revocation{Kind: store.RevokeToken, Issuer: issuer, Subject: "j-1"})
	},
	"the grant is revoked": func(t testing.TB, r store.Revocations, issuer string) {
		revoke(t, r, store.Revocation{Kind: store.RevokeGrant, Issuer: issuer, Subject: "g-1"})
	},
	"the subject is revoked": func(t testing.TB, r store.Revocations, issuer string) {
		revoke(t, r, store.Revocation{Kind: store.RevokeSubject, Issuer: issuer, Subject: "alice", Before: time.Now()})
	},
	"the token expires": func(testing.TB, store.Revocations, string) {
		time.Sleep(time.Until(time.Now().Truncate(time.Second).Add(2 * time.Second)))
	},
}

func revoke(t testing.TB, r store.Revocations, entry store.Revocation) {
	t.Helper()
	entry.Because, entry.Author, entry.At, entry.Until = "a test", "test", time.Now(), time.Now().Add(time.Hour)
	if err := r.Revoke(t.Context(), entry); err != nil {
		t.Fatal(err)
	}
}

// endingAndStaying returns one that is going to end, and one that is not.
func endingAndStaying(issuer *devissuer.Issuer, why string) (ends, stays string) {
	set := map[string]string{"jti": `"j-1"`, "grant_id": `"g-1"`}
	if why == "the token expires" {
		set["exp"] = fmt.Sprint(time.Now().Unix() + 2)
	}
	return issuer.Mint(devissuer.Claims{Subject: "alice", Set: set}), issuer.Mint(devissuer.Claims{Subject: "bob", Set: map[string]string{"jti": `"j-2"`, "grant_id": `"g-2"`}})
}

// abortions counts exchanges that outlived their caller's proof.
type abortions struct{ forfeited atomic.Int64 }

func (a *abortions) Record(_ *gatehouse.Exchange, t gatehouse.Traffic) {
	if t.Aborted == host.Forfeited {
		a.forfeited.Add(1)
	}
}

// want waits for as many as there must be: they are recorded behind the client's back.
func (a *abortions) want(t testing.TB, n int) {
	t.Helper()
	for range 200 {
		if a.forfeited.Load() == int64(n) {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("%d exchanges were recorded as forfeited; want %d", a.forfeited.Load(), n)
}

// token.revocable: an open stream ends within a second of the end of the token that it
// was opened by, silent as it is, and those of others go on; over every door.
func TestAnOpenStreamEndsWithItsToken(t *testing.T) {
	var longest time.Duration
	for why, forfeit := range forfeits {
		t.Run(why, func(t *testing.T) {
			revocations, said := memory.NewRevocations(), &abortions{}
			u := &watched{kept: func(k *gatehouse.Kept) { gatehouse.Provide[store.Revocations](k, revocations) }}
			h, ways := u.watch(t, "  jwt: {leeway: 0s}\n", said)
			ends, stays := endingAndStaying(h.issuer, why)
			type open struct {
				way        string
				ends, goes *http.Response
				pieces     chan string
			}
			var all []open
			for _, w := range ways {
				o := open{way: w.name}
				u.begin(1)
				o.ends = w.ask(t, ends, "lines")
				o.pieces = u.begin(1)
				o.goes = w.ask(t, stays, "lines")
				if o.ends.StatusCode != 200 || o.goes.StatusCode != 200 {
					t.Fatalf("%s: %d, %d", w.name, o.ends.StatusCode, o.goes.StatusCode)
				}
				all = append(all, o)
			}
			forfeit(t, revocations, h.issuer.URL)
			began := time.Now()
			for _, o := range all {
				_, err := io.ReadAll(o.ends.Body)
				if took := time.Since(began); err == nil || took > time.Second {
					t.Errorf("%s: ended after %s with %v", o.way, took, err)
				} else {
					longest = max(longest, took)
				}
				o.pieces <- `{"id":"1","customer_id":"bob"}` + "\n"
				if line, err := bufio.NewReader(o.goes.Body).ReadString('\n'); err != nil || !strings.Contains(line, `"bob"`) {
					t.Errorf("%s: another's stream: %q %v", o.way, line, err)
				}
				close(o.pieces)
			}
			said.want(t, len(all))
		})
	}
	t.Logf("figure open streams ended after %s", longest.Round(time.Millisecond))
}

const sockets = `openapi: 3.1.0
info: {title: Sockets, version: "1"}
servers: [{url: https://api.example.com}]
paths:
  /v1/socket: {get: {operationId: openSocket, responses: {"101": {description: upgraded}}}}
`

// token.revocable: so does an upgraded connection.
func TestAnOpenTunnelEndsWithItsToken(t *testing.T) {
	var longest time.Duration
	for why, forfeit := range forfeits {
		t.Run(why, func(t *testing.T) {
			revocations, said := memory.NewRevocations(), &abortions{}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = l.Close() })
			go func() {
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					go func() {
						defer func() { _ = c.Close() }()
						br := bufio.NewReader(c)
						if _, err := http.ReadRequest(br); err != nil {
							return
						}
						_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
						_, _ = io.Copy(c, br)
					}()
				}
			}()
			api := "upstream: http://" + l.Addr().String() + `
audience: https://api.example.com/orders
hosts: [api.example.com]
issuer: ${ISSUER}
websocket: [openSocket]
roles: {authenticated: [openSocket]}
controls:
  ` + wide + "\n  jwt: {leeway: 0s}\n"
			h := open(t, options{api: api, description: sockets, record: said, kept: func(k *gatehouse.Kept) { gatehouse.Provide[store.Revocations](k, revocations) }})
			ends, stays := endingAndStaying(h.issuer, why)
			connect := func(token string) (net.Conn, *bufio.Reader) {
				c, err := net.Dial("tcp", h.plain)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = c.Close() })
				_ = c.SetDeadline(time.Now().Add(10 * time.Second))
				fmt.Fprintf(c, "GET /v1/socket HTTP/1.1\r\nHost: api.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer %s\r\n\r\n", token)
				br := bufio.NewReader(c)
				if r, err := http.ReadResponse(br, nil); err != nil || r.StatusCode != 101 {
					t.Fatalf("%v %v", r, err)
				}
				return c, br
			}
			echo := func(c net.Conn, br *bufio.Reader) error {
				if _, err := io.WriteString(c, "ping"); err != nil {
					return err
				}
				_, err := io.ReadFull(br, make([]byte, 4))
				return err
			}
			c, br := connect(ends)
			other, otherBr := connect(stays)
			if err := errors.Join(echo(c, br), echo(other, otherBr)); err != nil {
				t.Fatal(err)
			}
			forfeit(t, revocations, h.issuer.URL)
			began := time.Now()
			_, _ = io.ReadAll(br)
			if took := time.Since(began); took > time.Second {
				t.Errorf("ended after %s", took)
			} else {
				longest = max(longest, took)
			}
			if err := echo(other, otherBr); err != nil {
				t.Errorf("another's tunnel: %v", err)
			}
			said.want(t, 1)
		})
	}
	t.Logf("figure open tunnels ended after %s", longest.Round(time.Millisecond))
}
