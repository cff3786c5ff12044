package openapi

import "testing"

// Of two ranges the narrower one holds, in whichever order they are written, or a
// reply would be judged by the looser schema.
func TestTheNarrowestDeclaredTypeHolds(t *testing.T) {
	types := []string{"*/*", "application/*", "application/json"}
	for _, order := range [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		var r Response
		for _, i := range order {
			r.Content = append(r.Content, MediaType{Type: types[i]})
		}
		for sent, want := range map[string]string{
			"application/json": "application/json", "Application/JSON; charset=utf-8": "application/json",
			"application/xml": "application/*", " APPLICATION/PDF ;q=1": "application/*", "text/plain": "*/*", "": "", " ; charset=utf-8": "",
		} {
			got := ""
			if m := r.Represented(sent); m != nil {
				got = m.Type
			}
			if got != want {
				t.Errorf("%q among %v: %q; want %q", sent, r.Content, got, want)
			}
		}
	}
}
