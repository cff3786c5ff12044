package authzen

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/gatehouse-api/gatehouse/internal/relations"
	"github.com/gatehouse-api/gatehouse/internal/relations/remote"
)

// What a gateway asks of a decision point elsewhere, ours answers.
func TestOurDecisionPointIsAskedAsAnotherGatewaysWouldBe(t *testing.T) {
	s := httptest.NewServer(related(t, "doc:1#workspace@workspace:3", "doc:2#editor@user:bob", "doc:3#workspace@workspace:3", "workspace:3#member@user:anne"))
	t.Cleanup(s.Close)
	z, err := remote.NewAuthZEN(remote.Server{URL: s.URL, Client: &http.Client{Timeout: time.Second}})
	if err != nil {
		t.Fatal(err)
	}
	anne := relations.Subject{Type: "user", ID: "anne"}
	for id, want := range map[string]bool{"1": true, "2": false} {
		if a, err := z.Check(t.Context(), relations.Revision{}, anne, "doc.read", relations.Object{Type: "doc", ID: id}); err != nil || a.Held != want {
			t.Errorf("doc:%s: %+v, %v", id, a, err)
		}
	}
	if l, err := z.List(t.Context(), relations.Revision{}, anne, "doc.read", "doc", 10); err != nil || !slices.Equal(l.IDs, []string{"1", "3"}) {
		t.Errorf("%+v, %v", l, err)
	}
	if l, err := z.List(t.Context(), relations.Revision{}, anne, "doc.read", "doc", 1); !errors.Is(err, relations.ErrTooMany) || l.IDs != nil {
		t.Errorf("%+v, %v", l, err)
	}
	group := relations.Subject{Type: "group", ID: "eng", Relation: "member"}
	if _, err := z.Check(t.Context(), relations.Revision{}, group, "doc.read", relations.Object{Type: "doc", ID: "1"}); !errors.Is(err, relations.ErrUnsupported) {
		t.Errorf("%v", err)
	}
}
