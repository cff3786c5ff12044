package graphql

import (
	"github.com/gatehouse-api/gatehouse/internal/jsonwalk"
)

// write writes a value without what is cut, in one form whatever the upstream's.
func (r *reading) write(n int) {
	d := r.d
	if met(r.null, &r.nulls, n) {
		r.out = append(r.out, "null"...)
		return
	}
	kind := d.Kind(n)
	if kind != jsonwalk.Array && kind != jsonwalk.Object {
		r.out = append(r.out, d.Raw(n)...)
		return
	}
	begin, end := byte('['), byte(']')
	if kind == jsonwalk.Object {
		begin, end = '{', '}'
	}
	r.out = append(r.out, begin)
	first := true
	for c, last := n+1, d.Next(n); c < last; c = d.Next(c) {
		if met(r.cut, &r.cuts, c) {
			continue
		}
		if !first {
			r.out = append(r.out, ',')
		}
		first = false
		if kind == jsonwalk.Object {
			r.out = append(appendQuoted(r.out, string(d.Name(c))), ':')
		}
		r.write(c)
	}
	r.out = append(r.out, end)
}

// met reports whether a node is in the list. Nodes are asked for in their order, in
// which the list is too: next is how far it was read.
func met(list []int, next *int, n int) bool {
	for *next < len(list) && list[*next] < n {
		*next++
	}
	return *next < len(list) && list[*next] == n
}

// errors writes the errors of a result (GraphQL section 7.1.2). Of the upstream's own
// only where and of what kind they are leaves: their texts hold statements, paths and
// names of hosts, and which fields there are.
func (r *reading) errors(n int, pass bool) {
	d := r.d
	r.out = append(r.out, '[')
	for c, end := n+1, d.Next(n); c < end; c = d.Next(c) {
		if c > n+1 {
			r.out = append(r.out, ',')
		}
		if pass {
			r.write(c)
			continue
		}
		r.out = append(r.out, `{"message":"The upstream reported an error"`...)
		if d.Kind(c) == jsonwalk.Object {
			r.path(d.Member(c, "path"))
			r.code(d.Member(c, "extensions"))
		}
		r.out = append(r.out, '}')
	}
	r.out = append(r.out, ']')
}

// path writes where in the data an error is: response keys, which the caller chose,
// and places in lists.
func (r *reading) path(n int) {
	d := r.d
	if n == jsonwalk.Missing || d.Kind(n) != jsonwalk.Array {
		return
	}
	begin := len(r.out)
	r.out = append(r.out, `,"path":[`...)
	for c, end := n+1, d.Next(n); c < end; c = d.Next(c) {
		_, number := integer(d, c)
		if !number && (d.Kind(c) != jsonwalk.String || !word(d.Text(c), false)) {
			r.out = r.out[:begin]
			return
		}
		if c > n+1 {
			r.out = append(r.out, ',')
		}
		r.out = append(r.out, d.Raw(c)...)
	}
	r.out = append(r.out, ']')
}

// code writes the one extension that programs decide by: a word in capitals.
func (r *reading) code(n int) {
	d := r.d
	if n == jsonwalk.Missing || d.Kind(n) != jsonwalk.Object {
		return
	}
	if c := d.Member(n, "code"); c != jsonwalk.Missing && d.Kind(c) == jsonwalk.String && word(d.Text(c), true) {
		r.out = append(append(append(r.out, `,"extensions":{"code":`...), d.Raw(c)...), '}')
	}
}

// word reports a name of GraphQL of at most 64 letters, in capitals or any.
func word(s []byte, capitals bool) bool {
	for _, c := range s {
		if !(c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || !capitals && c >= 'a' && c <= 'z') {
			return false
		}
	}
	return len(s) > 0 && len(s) <= 64
}
