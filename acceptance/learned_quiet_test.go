package acceptance

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"
)

// accessLine is what the test reads of the access log.
type accessLine struct {
	Endpoint  string `json:"endpoint"`
	Subject   string `json:"subject"`
	Status    int    `json:"status"`
	Decision  string `json:"decision"`
	Suspected []struct{ Control, Rule, Detail string }
}

// logged returns the access lines of somebody, when there are so many.
func (u *unruled) logged(subject string, n int) (list []accessLine) {
	u.t.Helper()
	for range 100 {
		list = nil
		for line := range strings.Lines(u.read("access.log")) {
			var l accessLine
			if err := json.Unmarshal([]byte(line), &l); err == nil && l.Subject == subject {
				list = append(list, l)
			}
		}
		if len(list) >= n {
			return list
		}
		time.Sleep(50 * time.Millisecond)
	}
	u.t.Fatalf("%d lines of %s; want %d", len(list), subject, n)
	return nil
}

// authz.object, log.access: who is given what is another's is suspected, in the log and
// in the metrics, boundedly, and refused nothing; owners are not.
func TestAThiefIsSuspectedAndOwnersAreNot(t *testing.T) {
	u := startUnruled(t, learns)
	u.trade()
	const most = 10
	stolen := 0
	for _, victim := range customers[1:] {
		for _, id := range u.made[victim] {
			for range 2 {
				if status, body := u.ask(customers[0], "GET", "/v1/orders/"+id, ""); status != 200 {
					t.Fatal("suspicion refuses", status, body)
				}
				stolen++
			}
		}
	}
	rules, objects := map[string]int{}, map[string]bool{}
	for _, l := range u.logged("ann", 6+5*3+1+1+stolen) {
		for _, s := range l.Suspected {
			if l.Status != 200 || l.Decision != "allowed" || s.Control != "object" || l.Endpoint != "getOrder" {
				t.Errorf("%+v", l)
			}
			rules[s.Rule]++
			objects[s.Detail] = true
		}
	}
	if rules["object.foreign_suspected"] != most || rules["object.enumeration_suspected"] != 1 || len(objects) < 6 {
		t.Errorf("%d thefts were told as %v of %v", stolen, rules, objects)
	}
	for o := range objects {
		for _, ids := range u.made {
			for _, id := range ids {
				if strings.Contains(o, id) || o == "the object " {
					t.Errorf("%q names an order", o)
				}
			}
		}
	}
	for _, who := range customers[1:] {
		subject, _, _ := strings.Cut(who, "@")
		for _, l := range u.logged(subject, 20) {
			if len(l.Suspected) > 0 {
				t.Errorf("%s is suspected: %+v", subject, l)
			}
		}
	}
	if text := u.metrics(); !strings.Contains(text, fmt.Sprintf(`gatehouse_suspicions_total{control="object",rule="object.foreign_suspected"} %d`, most)) {
		t.Error("the metrics do not tell")
	}
	suggestion := u.gatehouse(0, "owners", "suggest")
	for _, want := range []string{"not suggested for /v1/orders/{orderId}: in 60 of 110 replies of getOrder the member customer_id was the caller's sub", "# if it is right: order: {id: path.orderId, owner: response.customer_id}", "50 successful requests were for objects of others, by 1 of the callers, and no role explains them"} {
		if !strings.Contains(suggestion, want) {
			t.Errorf("%s lacks %q", suggestion, want)
		}
	}
}

// metrics asks the admin listener.
func (u *unruled) metrics() string {
	u.t.Helper()
	r, err := http.NewRequestWithContext(u.t.Context(), "GET", "http://"+u.admin+"/metrics", nil)
	if err != nil {
		u.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(u.read("state/admin.token")))
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		u.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		u.t.Fatal(err)
	}
	return string(text)
}

// authz.object: random traffic, thefts included, is answered in one way by a gateway
// that learns and by one that does not.
func TestLearningChangesNoAnswer(t *testing.T) {
	const requests = 1500
	play := func(learn string) (answers []string) {
		u := startUnruled(t, learn)
		r := rand.New(rand.NewPCG(5, 5))
		people := append([]string{"sam@acme support", "root@acme admin", "nobody"}, customers...)
		ids := []string{"ord-1001", "ord-2001", "ord-3001", "none"}
		for range requests {
			who := people[r.IntN(len(people))]
			at := "/v1/orders/" + ids[r.IntN(len(ids))]
			method, path, body := "GET", at, ""
			switch r.IntN(10) {
			case 0, 1, 2:
				method, path, body = "POST", "/v1/orders", `{"item":"tea","quantity":1}`
			case 3:
				method, body = "PATCH", `{"quantity":3}`
			case 4:
				method = "DELETE"
			case 5:
				path = "/v1/orders?limit=20"
			case 6:
				path = "/v1/orders?customer_id=" + []string{"ann", "ben", "alice"}[r.IntN(3)]
			case 7:
				method, path = "DELETE", "/v1/admin/users/carol"
			}
			status, text := u.ask(who, method, path, body)
			var o struct{ ID string }
			if status == 201 && json.Unmarshal([]byte(text), &o) == nil {
				ids = append(ids, o.ID)
			}
			if status >= 400 {
				text, _, _ = strings.Cut(text, `"request_id"`)
			}
			answers = append(answers, fmt.Sprint(who, " ", method, " ", path, " ", status, " ", text))
		}
		return answers
	}
	with, without := play(learns), play("")
	seen := map[string]int{}
	for i := range with {
		if with[i] != without[i] {
			t.Fatalf("learning: %s\nnot learning: %s", with[i], without[i])
		}
		for _, status := range []string{" 200 ", " 201 ", " 204 ", " 403 ", " 404 "} {
			if strings.Contains(with[i], status) {
				seen[status]++
			}
		}
	}
	if len(seen) != 5 {
		t.Errorf("the traffic is too much of a kind: %v", seen)
	}
	t.Logf("figure answers that differ: 0 of %d", requests)
}
