// Package config is the only reader of configuration: YAML, flags and
// environment end here. It defends from the mistake that opens a door silently:
// a key that nobody reads, a value of another type, a waiver that has expired, a
// secret in plain sight. What is not understood to the last character is refused,
// with the file, the line, the column and the line to write instead; all faults
// of a file are reported at once.
//
// A file is read in four steps: text to a tree ([yaml.Node]s, which keep their
// positions), tree to the model, short forms to the controls' own blocks, and the
// model with the API descriptions to an engine.Policy.
package config
