// Package oracletest holds the validator to what others say of the same bytes:
// santhosh-tekuri/jsonschema is the judge, getkin/kin-openapi the second, and the
// descriptions and suites of the corpora are the matter. It has tests, a fuzz
// target and benchmarks only; nothing of it is built into a program, and the two
// modules are imported nowhere else.
package oracletest
