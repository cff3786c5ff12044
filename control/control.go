// Package control is where the controls live, one folder each. It holds only
// the generator of their catalogue.
package control

//go:generate go run ./internal/gen
