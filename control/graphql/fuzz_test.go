package graphql

import (
	"bytes"
	"context"
	"testing"

	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// FuzzRequests judges bodies of strangers. What is let in is forwarded in a form that
// is let in as well and does not change any more.
func FuzzRequests(f *testing.F) {
	k := checkOf(f, shop, func(c *Config) { c.Batch = 3 })
	f.Add([]byte(repeated))
	f.Add([]byte(`[{"query":"{viewer{id}}"},{"query":"mutation($t:String!){note(id:1,text:$t){id}}","variables":{"t":"\ud83d\ude00"}}]`))
	f.Add([]byte(`{"query":"query A($a:Filter={text:\"x\",tags:[\"y\"]}){viewer{find(filter:$a){...F}}} fragment F on Node{id __typename}","variables":{"a":{"text":"z"}}}`))
	f.Add([]byte(`{"query":"{search(text:\"\"\"a\n  b\"\"\"){... on User @include(if:true){id}}}"}`))
	for _, text := range attacks() {
		f.Add(append(appendQuoted([]byte(`{"query":`), text), '}'))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		forwarded, ok := through(t, k, body)
		if !ok {
			return
		}
		var d jsonwalk.Doc
		if err := d.Parse(forwarded, limits); err != nil {
			t.Fatalf("%q: %v", forwarded, err)
		}
		again, ok := through(t, k, forwarded)
		if !ok || !bytes.Equal(again, forwarded) {
			t.Fatalf("%q became %q (%v)", forwarded, again, ok)
		}
	})
}

// through returns what is forwarded of a body, and whether it was let in.
func through(t *testing.T, k *check, body []byte) ([]byte, bool) {
	x := exchangeOf(string(body))
	v, err := k.judge(context.Background(), x)
	if err != nil {
		t.Fatal(err)
	}
	if !v.Passed() {
		return nil, false
	}
	if v, err := k.forward(context.Background(), x); err != nil || !v.Passed() {
		t.Fatal(v.Rule(), err)
	}
	return x.Request.Body, true
}
