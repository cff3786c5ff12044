// Package interop holds the tests against programs that others wrote: clients,
// identity providers and a browser that know OAuth, OpenID Connect and SAML from
// the standards and nothing of us. Each test builds and runs the real program on
// loopback and is skipped, with what to install, where its peer is missing;
// `make test-interop` installs what it needs.
package interop
