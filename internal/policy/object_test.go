package policy

import "testing"

func TestARefusalHasItsActionsStatusElseTheOneForAllElse403(t *testing.T) {
	for text, want := range map[string]int{"404": 404, "403": 403} {
		var r Refusals
		if err := r.UnmarshalText([]byte(text)); err != nil || r.Status(Read) != want {
			t.Errorf("%s: %v %v", text, r, err)
		}
	}
	var r Refusals
	if err := r.UnmarshalText([]byte("hidden")); err == nil {
		t.Error("hidden is a status")
	}
	if r.Status(Read) != 403 {
		t.Error("nothing said is not 403")
	}
	r = Refusals{"read": 404}
	if r.Status(Read) != 404 || r.Status(Delete) != 403 {
		t.Errorf("by action: %d %d", r.Status(Read), r.Status(Delete))
	}
}

func TestEveryActionIsCalledByItsName(t *testing.T) {
	for a := None; a <= Create; a++ {
		if got := ActionOf(a.String()); got != a {
			t.Errorf("%s is %s", a, got)
		}
	}
	if ActionOf("remove") != None || Action(9).String() != "" {
		t.Error("an action nobody knows has a name")
	}
}
