package config

import "github.com/gatehouse-api/gatehouse/internal/policy"

// Held returns the policies that the controls of tests were handed.
func (f *File) Held() (out []*policy.Policy) {
	for _, a := range f.APIs {
		for _, b := range a.blocks {
			if c, ok := b.set.Control.(interface{ Held() *policy.Policy }); ok {
				out = append(out, c.Held())
			}
		}
	}
	return out
}
