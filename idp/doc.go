// Package idp is the authorization server: OAuth 2.0 and OpenID Connect for the
// people and programs that call the APIs behind the gateway.
package idp
