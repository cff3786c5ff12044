// Package aside is for what may block while it answers a request: a query, a call to
// another server, a sleep. It says so first, and whoever serves many connections with
// one goroutine sees to it that nobody else has to wait.
package aside

import "context"

type key struct{}

// With returns a context in which [Step] calls leave.
func With(ctx context.Context, leave func()) context.Context {
	return context.WithValue(ctx, key{}, leave)
}

// Step is called before something that may block for longer than some microseconds, by
// the goroutine that was given ctx and not by one that it has begun. It costs no more than
// a look into ctx where nobody minds.
func Step(ctx context.Context) {
	if leave, ok := ctx.Value(key{}).(func()); ok {
		leave()
	}
}
