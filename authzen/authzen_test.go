package authzen

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatehouse-api/gatehouse/internal/cedar"
	"github.com/gatehouse-api/gatehouse/internal/relations"
)

func file(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func server(t testing.TB, schema, policies, facts string, change func(*Options)) *Server {
	t.Helper()
	set, err := cedar.New(cedar.Source{Name: "schema", Text: schema}, cedar.Source{Name: "policies", Text: policies})
	if err != nil {
		t.Fatal(err)
	}
	known, err := ReadFacts([]byte(facts))
	if err != nil {
		t.Fatal(err)
	}
	o := Options{URL: "https://pdp.example.com", Policies: set, Facts: known, Now: func() time.Time { return time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC) }, Log: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&o)
	}
	return New(o)
}

func todo(t testing.TB) *Server {
	t.Helper()
	return server(t, file(t, "testdata/todo.cedarschema"), file(t, "testdata/todo.cedar"), file(t, "testdata/todo.facts.json"), nil)
}

func post(s http.Handler, path, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, strings.NewReader(body)))
	return w
}

// The decisions of the AuthZEN working group's interoperability scenarios.
func TestEveryDecisionOfTheInteroperabilityScenariosIsMade(t *testing.T) {
	s, singles, batches := todo(t), 0, 0
	for _, name := range []string{"authzen-todo-decisions.json", "authzen-gateway-decisions.json"} {
		text, err := os.ReadFile("../../shared/corpora/authz/" + name)
		if err != nil {
			t.Skip("the decisions of the working group are not here: ", err)
		}
		var cases struct {
			Evaluation []struct {
				Request  json.RawMessage
				Expected bool
			}
			Evaluations []struct {
				Request  json.RawMessage
				Expected []struct{ Decision bool }
			}
		}
		if err := json.Unmarshal(text, &cases); err != nil {
			t.Fatal(err)
		}
		for _, c := range cases.Evaluation {
			singles++
			w := post(s, "/access/v1/evaluation", string(c.Request))
			var got decision
			if err := json.Unmarshal(w.Body.Bytes(), &got); w.Code != 200 || err != nil || got.Decision != c.Expected || got.Context != nil && got.Context.Error != nil {
				t.Errorf("%s: %d %s; want %v", c.Request, w.Code, w.Body, c.Expected)
			}
		}
		for _, c := range cases.Evaluations {
			batches++
			w := post(s, "/access/v1/evaluations", string(c.Request))
			var got struct {
				Evaluations []struct{ Decision bool }
			}
			if err := json.Unmarshal(w.Body.Bytes(), &got); w.Code != 200 || err != nil || !cmp.Equal(got.Evaluations, c.Expected) {
				t.Errorf("%s: %d %s; want %v", c.Request, w.Code, w.Body, c.Expected)
			}
		}
	}
	t.Logf("figure %d decisions and %d batches of the interoperability scenarios", singles, batches)
	if singles != 65 || batches != 3 {
		t.Errorf("%d decisions and %d batches ran; want 65 and 3", singles, batches)
	}
}

const rick = `{"type":"user","id":"CiRmZDA2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs"}`

func TestSeveralEvaluationsEndWhereTheirSemanticSaysSo(t *testing.T) {
	s := todo(t)
	beth := `{"type":"user","id":"CiRmZDM2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs"}`
	some := `"subject":` + beth + `,"resource":{"type":"todo","id":"1"},"evaluations":[{"action":{"name":"can_read_todos"}},{"action":{"name":"can_create_todo"}},{"subject":` + rick + `,"action":{"name":"can_create_todo"}},{"action":{}}]`
	for semantic, want := range map[string]string{
		"": "true false true false", "execute_all": "true false true false", "deny_on_first_deny": "true false", "permit_on_first_permit": "true",
	} {
		options := ""
		if semantic != "" {
			options = `"options":{"evaluations_semantic":"` + semantic + `"},`
		}
		w := post(s, "/access/v1/evaluations", "{"+options+some+"}")
		var got struct {
			Evaluations []struct {
				Decision bool
				Context  struct{ Error *failure }
			}
		}
		err := json.Unmarshal(w.Body.Bytes(), &got)
		var said []string
		for i, e := range got.Evaluations {
			said = append(said, fmt.Sprint(e.Decision))
			if (i == 3) != (e.Context.Error != nil) {
				t.Errorf("%s: evaluation %d: %+v", semantic, i, e)
			}
		}
		if err != nil || strings.Join(said, " ") != want {
			t.Errorf("%q: %v; want %s", semantic, said, want)
		}
	}
	if w := post(s, "/access/v1/evaluations", `{"subject":`+rick+`,"action":{"name":"can_create_todo"},"resource":{"type":"todo","id":"1"}}`); w.Code != 200 || !strings.HasPrefix(w.Body.String(), `{"decision":true`) {
		t.Errorf("without evaluations: %d %s", w.Code, w.Body)
	}
}

func TestAMalformedQuestionIsRefusedAndSaysWhy(t *testing.T) {
	s := todo(t)
	for _, c := range []struct{ path, body, says string }{
		{"evaluation", ``, "not the JSON"}, {"evaluation", `[]`, "not the JSON"}, {"evaluation", `{"subject":"rick"}`, "not the JSON"},
		{"evaluation", `{}`, "subject is missing"}, {"evaluation", `{"subject":{"type":"user"}}`, "subject.id is missing"}, {"evaluation", `{"subject":{"id":"1"}}`, "subject.type is missing"},
		{"evaluation", `{"subject":` + rick + `,"resource":{"type":"todo","id":"1"}}`, "action.name is missing"},
		{"evaluation", `{"subject":` + rick + `,"action":{"name":""},"resource":{"type":"todo","id":"1"}}`, "action.name is missing"},
		{"evaluation", `{"subject":` + rick + `,"action":{"name":"can_create_todo"}}`, "resource is missing"},
		{"evaluation", `{"subject":` + rick + `,"action":{"name":"can_create_todo"},"resource":{"type":"todo"}}`, "resource.id is missing"},
		{"evaluation", strings.Repeat(" ", mostBody+1), "too long"},
		{"evaluations", `{"options":{"evaluations_semantic":"first_come"},"evaluations":[{}]}`, "evaluations_semantic is one of"},
		{"evaluations", `{"evaluations":[` + strings.Repeat(`{},`, mostAtOnce) + `{}]}`, "more than 1000"},
		{"evaluations", `{"evaluations":[]}`, "subject is missing"},
		{"search/subject", `{"subject":{"id":"1"},"action":{"name":"x"},"resource":{"type":"todo","id":"1"}}`, "subject.type is missing"},
		{"search/resource", `{"subject":` + rick + `,"action":{"name":"x"}}`, "resource is missing"},
		{"search/resource", `{"subject":` + rick + `,"action":{"name":"x"},"resource":{"type":"todo"},"page":{"token":"?"}}`, "page.token"},
		{"search/action", `{"subject":` + rick + `,"resource":{"type":"todo"}}`, "resource.id is missing"},
	} {
		w := post(s, "/access/v1/"+c.path, c.body)
		if w.Code != 400 || !strings.Contains(w.Body.String(), c.says) || w.Header().Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %.80s: %d %s; want %s", c.path, c.body, w.Code, w.Body, c.says)
		}
	}
	for _, c := range [][2]string{{"GET", "/access/v1/evaluation"}, {"POST", "/access/v1/evaluation/"}, {"POST", "/.well-known/authzen-configuration"}} {
		w := httptest.NewRecorder()
		if s.ServeHTTP(w, httptest.NewRequest(c[0], c[1], strings.NewReader("{}"))); w.Code < 400 {
			t.Errorf("%v: %d", c, w.Code)
		}
	}
}

func TestWhatIsKnownHereStandsWhateverTheQuestionSays(t *testing.T) {
	s := todo(t)
	for body, want := range map[string]string{
		// beth is a viewer, whatever her question says
		`{"subject":{"type":"user","id":"CiRmZDM2MTRkMy1jMzlhLTQ3ODEtYjdiZC04Yjk2ZjVhNTEwMGQSBWxvY2Fs","properties":{"roles":["admin"]}},"action":{"name":"can_create_todo"},"resource":{"type":"todo","id":"1"}}`: `{"decision":false}`,
		// of others what the asker says is all there is
		`{"subject":{"type":"user","id":"zoe","properties":{"roles":["editor"],"email":"zoe@example.com"}},"action":{"name":"can_create_todo"},"resource":{"type":"todo","id":"1"}}`: `{"decision":true,"context":{"policies":["create"]}}`,
		`{"subject":{"type":"user","id":"zoe"},"action":{"name":"can_create_todo"},"resource":{"type":"todo","id":"1"}}`:                                                             `"error":{"status":500`,
		`{"subject":{"type":"user","id":"zoe","properties":{"roles":"editor"}},"action":{"name":"can_create_todo"},"resource":{"type":"todo","id":"1"}}`:                             `"error":{"status":500`,
		`{"subject":{"type":"robot","id":"1"},"action":{"name":"can_create_todo"},"resource":{"type":"todo","id":"1"}}`:                                                              `{"decision":false`,
		`{"subject":` + rick + `,"action":{"name":"can_fly"},"resource":{"type":"todo","id":"1"}}`:                                                                                   `{"decision":false`,
		`{"subject":` + rick + `,"action":{"name":"can_create_todo"},"resource":{"type":"to do","id":"1"}}`:                                                                          `{"decision":false`,
	} {
		if w := post(s, "/access/v1/evaluation", body); w.Code != 200 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d %s; want %s", body, w.Code, w.Body, want)
		}
	}
}

const docs = `model
  schema 1.1
type user
type workspace
  relations
    define member: [user]
type doc
  relations
    define workspace: [workspace]
    define editor: [user] or member from workspace
`

func related(t testing.TB, tuples ...string) *Server {
	m, err := relations.ParseModel("docs.fga", docs)
	if err != nil {
		t.Fatal(err)
	}
	x := relations.NewIndex()
	var add []relations.Tuple
	for _, text := range tuples {
		tuple, err := relations.ParseTuple(text)
		if err != nil {
			t.Fatal(err)
		}
		add = append(add, tuple)
	}
	if err := x.Apply(relations.Change{Revision: 1, Whole: true, Add: add}); err != nil {
		t.Fatal(err)
	}
	e, err := relations.New(m, x, relations.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return server(t, `entity User; entity Doc = {locked?: Bool};
action "doc.read", "doc.update" appliesTo {principal: [User], resource: [Doc], context: {now: datetime, local: {hour: Long, weekday: Long}, operation: String, ip?: ipaddr, rel: {editor: Bool}, reason?: String}};`,
		`@id("edit") permit(principal is User, action, resource is Doc) when { context.rel.editor };
@id("office") forbid(principal, action == Action::"doc.update", resource) when { context.local.hour < 9 || !(context has reason) };`,
		`{"doc": {"9": {"locked": true}}}`, func(o *Options) { o.Relations, o.Known = e, x.IDs })
}

// authz.rebac: "edit if in the document's workspace", asked of the decision point.
func TestRelationsDecideAndAreSearched(t *testing.T) {
	s := related(t, "doc:1#workspace@workspace:3", "doc:2#editor@user:bob", "doc:3#workspace@workspace:3", "workspace:3#member@user:anne")
	ask := func(path, body, want string) {
		t.Helper()
		if w := post(s, "/access/v1/"+path, body); w.Code != 200 || strings.TrimSpace(w.Body.String()) != want {
			t.Errorf("%s %s:\n got %d %s\nwant %s", path, body, w.Code, w.Body, want)
		}
	}
	anne := `"subject":{"type":"user","id":"anne"}`
	ask("evaluation", `{`+anne+`,"action":{"name":"doc.read"},"resource":{"type":"doc","id":"1"}}`, `{"decision":true,"context":{"policies":["edit"]}}`)
	ask("evaluation", `{`+anne+`,"action":{"name":"doc.read"},"resource":{"type":"doc","id":"2"}}`, `{"decision":false}`)
	ask("evaluation", `{`+anne+`,"action":{"name":"doc.read"},"resource":{"type":"doc","id":"2"},"context":{"rel":{"editor":true}}}`, `{"decision":false}`)
	ask("evaluation", `{`+anne+`,"action":{"name":"doc.update"},"resource":{"type":"doc","id":"1"}}`, `{"decision":false,"context":{"policies":["office"]}}`)
	ask("evaluation", `{`+anne+`,"action":{"name":"doc.update"},"resource":{"type":"doc","id":"1"},"context":{"reason":"a typing error"}}`, `{"decision":true,"context":{"policies":["edit"]}}`)
	ask("search/resource", `{`+anne+`,"action":{"name":"doc.read"},"resource":{"type":"doc"}}`, `{"results":[{"type":"doc","id":"1"},{"type":"doc","id":"3"}],"page":{"next_token":"","count":2}}`)
	ask("search/resource", `{`+anne+`,"action":{"name":"doc.read"},"resource":{"type":"doc","id":"2"},"page":{"limit":1}}`, `{"results":[{"type":"doc","id":"1"}],"page":{"next_token":"MQ","count":1}}`)
	ask("search/resource", `{`+anne+`,"action":{"name":"doc.read"},"resource":{"type":"doc"},"page":{"limit":1,"token":"MQ"}}`, `{"results":[{"type":"doc","id":"3"}],"page":{"next_token":"","count":1}}`)
	ask("search/subject", `{"subject":{"type":"user"},"action":{"name":"doc.read"},"resource":{"type":"doc","id":"2"}}`, `{"results":[{"type":"user","id":"bob"}],"page":{"next_token":"","count":1}}`)
	ask("search/action", `{`+anne+`,"resource":{"type":"doc","id":"1"}}`, `{"results":[{"name":"doc.read"}],"page":{"next_token":"","count":1}}`)
	ask("search/action", `{`+anne+`,"resource":{"type":"doc","id":"1"},"context":{"reason":"x"}}`, `{"results":[{"name":"doc.read"},{"name":"doc.update"}],"page":{"next_token":"","count":2}}`)
	ask("search/resource", `{`+anne+`,"action":{"name":"doc.read"},"resource":{"type":"nothing"}}`, `{"results":[],"page":{"next_token":"","count":0}}`)
}

func TestTheMetadataNamesTheEndpoints(t *testing.T) {
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/.well-known/authzen-configuration", nil)
	r.Header.Set("X-Request-ID", "a-question")
	todo(t).ServeHTTP(w, r)
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"policy_decision_point":"https://pdp.example.com","access_evaluation_endpoint":"https://pdp.example.com/access/v1/evaluation"`) ||
		w.Header().Get("X-Request-ID") != "a-question" {
		t.Errorf("%d %s %v", w.Code, w.Body, w.Header())
	}
}
