// Command model translates models from OpenFGA's language to the JSON that an OpenFGA
// server takes, by OpenFGA's own parser. It reads one model a line, as a JSON string,
// and answers each with a line: {"model": {...}} or {"error": "..."}.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	"github.com/openfga/language/pkg/go/transformer"
)

type answer struct {
	Model json.RawMessage `json:"model,omitempty"`
	Error string          `json:"error,omitempty"`
}

func main() {
	if err := translate(); err != nil {
		fmt.Fprintln(os.Stderr, "model:", err)
		os.Exit(1)
	}
}

func translate() error {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var text string
		if err := json.Unmarshal(lines.Bytes(), &text); err != nil {
			return err
		}
		var a answer
		if model, err := transformer.TransformDSLToJSON(text); err != nil {
			a.Error = err.Error()
		} else {
			a.Model = json.RawMessage(model)
		}
		if err := out.Encode(a); err != nil {
			return err
		}
	}
	return lines.Err()
}
