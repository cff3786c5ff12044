// Package rows keeps an application's queries to the rows that the caller may touch.
//
// It defends from broken object-level authorization in the one place where every
// object comes from. The caller is the identity of the context (sdk/identity), never
// a parameter; where there is none there are no rows but [ErrNoIdentity].
package rows
