package learn_test

import (
	"testing"

	"github.com/gatehouse-api/gatehouse/learn"
)

// Whatever is learned from is taken afterwards, and the document can be read.
func FuzzWhatTeachesIsTaken(f *testing.F) {
	f.Add("/v1/orders/7?limit=5&a=b", "application/json", `{"a":[1,2.5,null,{"b":"c"}],"d":{"e@x.y":1e3}}`, `[{"id":"7"}]`)
	f.Add("/a%20b/%7Bx%7D?x%5B%5D=1&x%5B%5D=2", "application/x-www-form-urlencoded", "a=1&a=2&b=%20", `"x"`)
	f.Add("/", "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.gif\"\r\nContent-Type: image/gif\r\n\r\nGIF89a\r\n--x--\r\n", `{"":0}`)
	f.Add("/v1/x?y=1e400&z=-0", "application/vnd.x+json", `{"A":1,"a":2,"__proto__x":[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}`, `{"n":9007199254740993,"m":1e309}`)
	f.Fuzz(func(t *testing.T, target, contentType, body, reply string) {
		l, err := learn.New()
		if err != nil {
			t.Fatal(err)
		}
		x := learn.Exchange{Method: "POST", Target: target, Status: 200, Body: learn.Body{Type: contentType, Bytes: []byte(body)}, Reply: learn.Body{Type: "application/json", Bytes: []byte(reply)}}
		taught := l.Observe(&x)
		d, err := l.Describe(learn.Options{Title: target, Server: contentType})
		if err != nil {
			t.Fatal(err)
		}
		g := opened(t, d.YAML)
		if rule := g.refuses(t, &x); taught && rule != "" {
			t.Errorf("%s\n%s", rule, d.YAML)
		}
	})
}
