package learn_test

import (
	"fmt"
	"net/url"
	"runtime"
	"strings"
	"testing"

	"github.com/gatehouse-api/gatehouse/learn"
)

// ops.learn: people, secrets and numbers of the traffic are in no document,
// wherever they were and however often.
func TestNoValueOfTheTrafficIsInTheDocument(t *testing.T) {
	people := []string{"alice", "bobby", "carolus"}
	var list []learn.Exchange
	for i := range 300 {
		who := people[i%3]
		mail, token, card := who+"@canary.example.com", "sk_live_canary51Hx9"+who, "4111111111111111"
		jwt := "eyJjYW5hcnkiOjF9.eyJjYW5hcnkiOjF9.canary" + who
		// In values of JSON, also under names that may have closed sets.
		list = append(list, post("/v1/accounts", fmt.Sprintf(`{"name":"%s","email":"%s","token":"%s","card":"%s","status":"%s","type":"Canary %s","owner":"%s","tags":["%s"],"note":"call %s at 555-0100","kind":%d,"user_type":"%s"}`,
			who, mail, token, card, mail, who, who, who, who, 31337, who), `{"id":"`+who+`"}`))
		// As names of members.
		list = append(list, get("/v1/balances", fmt.Sprintf(`{"%s":{"sum":1,"open":2,"due":3},"by_mail":{"%s":1},"by_day":{"2026-03-1%d":1}}`, who, mail, i%10)))
		// In the path: repeated by the reply, or with an answer like another's, or seldom.
		list = append(list, get("/v1/users/"+who, `{"id":"`+who+`","plan":"free"}`), get("/v1/profiles/"+who, `{"bio":"","since":1,"links":[]}`), get("/v1/mails/"+url.PathEscape(mail), `{}`), get("/v1/keys/"+token, `{}`))
		// And in front of other paths, with answers that say nothing.
		list = append(list, get("/v1/teams/"+who+"/members", `{}`), get(fmt.Sprintf("/v1/clubs/%d/rooms/%d", i, i), `{}`), get("/v1/clubs/"+who+"/rooms/"+who, `{}`))
		// In the query, fields, cookies, forms.
		x := get("/v1/search?q="+url.QueryEscape(mail)+"&sort="+url.QueryEscape(mail)+"&order="+token+"&apikey="+token, `{"items":[]}`)
		x.Fields.Add("authorization", "Bearer "+jwt)
		x.Fields.Add("x-customer", who)
		x.Fields.Add("x-api-key", token)
		x.Fields.Add("cookie", "session="+token+"; name="+who+"; "+token+"=1")
		y := get("/v1/plain", `{}`)
		y.Fields.Add("authorization", token)
		z := get("/v1/forms", `{}`)
		z.Method, z.Body = "POST", learn.Body{Type: "application/x-www-form-urlencoded", Bytes: []byte(url.Values{"name": {who}, "state": {mail}, "pin": {"31337"}}.Encode())}
		list = append(list, x, y, z)
		// In what is refused, and in its answer.
		list = append(list, learn.Exchange{Method: "GET", Target: "/v1/users/" + who + "x/secret-canary", Status: 404, Reply: learn.Body{Type: "application/json", Bytes: []byte(`{"error":"no user ` + mail + `","status":"` + who + `x1"}`)}},
			learn.Exchange{Method: "GET", Target: "/v1/boom", Status: 500, Reply: learn.Body{Type: "text/plain", Bytes: []byte("panic: canary " + mail)}})
	}
	for i, who := range []string{"dorothea", "ernestine"} { // once, without a sign of it in the reply
		x := get("/v1/members/"+who, "")
		x.Method, x.Status, x.Reply = []string{"DELETE", "PUT"}[i], 204, learn.Body{}
		list = append(list, x)
	}
	list = append(list, get("/v1/search?"+url.QueryEscape("dorothea@canary.example.com")+"=1", `{}`))
	text, api := learned(t, list)
	for _, canary := range append(people, "dorothea", "ernestine", "canary", "Canary", "sk_live", "eyJ", "4111", "31337", "555-", "example.com", "2026-03", "boom") {
		if strings.Contains(text, canary) {
			t.Errorf("%q is in the document", canary)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
	passed := 0
	for i := range list {
		if rule := api.refuses(t, &list[i]); rule == "" {
			passed++
		} else if list[i].Status < 400 && i < len(list)-1 {
			t.Fatalf("%s %s: %s\n%s", list[i].Method, list[i].Target, rule, text)
		}
	}
	if passed < 3602 {
		t.Errorf("only %d exchanges pass", passed)
	}
	for _, want := range []string{"/v1/users/{userId}:", "/v1/profiles/{profileId}:", "/v1/members/{memberId}:", "/v1/teams/{teamId}/members:", "/v1/clubs/{clubId}/rooms/{roomId}:", "bearer: {type: http, scheme: bearer}", "x-api-key: {type: apiKey, in: header, name: x-api-key}", "query-apikey:", "cookie-session:"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// kept returns how many bytes of memory f leaves in use.
func kept(f func()) int64 {
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	f()
	return heap() - before
}

// atMost is how many bytes a learner may keep.
const atMost = 64 << 20

// ops.learn: what is not alike is kept apart, up to a bound.
func TestWhatIsKeptOfManyKindsOfTrafficIsBounded(t *testing.T) {
	l, err := learn.New()
	if err != nil {
		t.Fatal(err)
	}
	word := func(i int) string { return string([]byte{'a' + byte(i%26), 'e' + byte(i/26%7), 'r'}) }
	n, taught := 0, 0
	grown := kept(func() {
		for a := range 90 {
			for b := range 90 {
				for c := range 3 {
					// Every path has members of its own, so none is like another.
					body := "{"
					for k := range 20 {
						body += fmt.Sprintf(`"%s%s%s":"x",`, word(a), word(b), word(k))
					}
					x := get("/"+word(a)+"/"+word(b)+"/"+word(c), body+`"id":1}`)
					if n++; l.Observe(&x) {
						taught++
					}
				}
			}
		}
	})
	d, err := l.Describe(learn.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d exchanges, %d learned, %d operations, %.1f MB kept, a document of %.1f MB\n%s", n, taught, len(d.Operations), float64(grown)/(1<<20), float64(len(d.YAML))/(1<<20), strings.Join(d.Warnings, "\n"))
	if grown > atMost || taught == n || taught < 1000 || !strings.Contains(strings.Join(d.Warnings, "\n"), "memory") {
		t.Errorf("%d bytes, %d of %d learned", grown, taught, n)
	}
	runtime.KeepAlive(l)
}

// ops.learn: whatever comes, memory has an end.
func TestAMillionPathsDoNotFillTheMemory(t *testing.T) {
	n := 1_000_000
	if testing.Short() {
		n = 50_000
	}
	l, err := learn.New()
	if err != nil {
		t.Fatal(err)
	}
	letters := func(i int) string {
		b := []byte("aaaaaaaa")
		for k := range b {
			b[k] += byte(i % 26)
			i /= 26
		}
		return string(b)
	}
	learned := 0
	one := func(i int) {
		var x learn.Exchange
		switch w := letters(i*7919 + i); i % 6 {
		case 0:
			x = get("/v1/orders/"+fmt.Sprint(i), `{"id":1}`)
		case 1:
			x = get("/"+w, `{"a":1,"b":2,"c":"`+w+`"}`)
		case 2:
			x = get("/v2/"+w+"/"+letters(i*31)+"/"+letters(i*37), `{}`)
		case 3:
			x = get("/v1/orders?"+w+"=1", `{}`)
		case 4:
			x = post("/v1/orders", `{"`+w+`":{"`+letters(i*3)+`":[{"`+letters(i*5)+`":1}]}}`, `{"`+w+`":null}`)
		default:
			x = get("/v1/orders/"+w+"?page=1", `[]`)
			x.Fields.Add("x-"+w, w)
			x.Reply.Type = "application/x-" + w
			x.Status = 200 + i%100
		}
		if l.Observe(&x) {
			learned++
		}
	}
	grown := kept(func() {
		for i := range n {
			one(i)
		}
	})
	d, err := l.Describe(learn.Options{})
	if err != nil {
		t.Fatal(err)
	}
	opened(t, d.YAML)
	t.Logf("%d exchanges, %d learned, %d operations, %.1f MB kept, a document of %.1f MB\n%s", n, learned, len(d.Operations), float64(grown)/(1<<20), float64(len(d.YAML))/(1<<20), strings.Join(d.Warnings, "\n"))
	if grown > atMost {
		t.Errorf("%d bytes are kept", grown)
	}
	if learned < n/2 {
		t.Errorf("only %d of %d were learned", learned, n)
	}
	runtime.KeepAlive(l)
}
