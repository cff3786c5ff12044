package config_test

import (
	"strings"
	"testing"
)

func TestEveryTypeIsReadAndNothingElseIsTakenForIt(t *testing.T) {
	for _, fine := range []string{
		"bool: true", "bool: false", "int: -5", "int: 0", "int8: 127", "uint: 7", "float: 0.5", "float: 3", "text: word", `text: "17"`, "text: 2027-01-01",
		"time: 500ms", "time: 1h30m", "time: 90d", "list: [1, 2]", "list: []", "map: {a: 5s, 404: 1m}", "pointer: {inner: a}", "inner: a",
		"network: 10.0.0.0/8", `waiver: {because: "measured first", owner: a@example.com, until: 2027-01-01}`,
	} {
		if err := refusal(t, put(t, house+"    controls: {every: {"+fine+"}}\n")); err != nil {
			t.Errorf("%s: %v", fine, err)
		}
	}
	for _, refused := range []string{
		"bool: yes", "bool: on", "bool: True", `bool: "true"`, "bool: 1", "int: 1.5", "int: 010", "int: 0x10", "int: 1_000", "int: +1", `int: "5"`, "int8: 128",
		"uint: -1", "float: .nan", "float: .inf", "float: a", "text: 17", "text: true", "text: [a]", "text: {a: b}", "text: ", "text: ~",
		"time: 30", "time: 5 s", "time: -5s", "time: 1w", "time: 1.5d", "time: 010d", "time: 99999d", "time: 0", "list: 1", "list: [a]", "list: {a: 1}", "map: [a]",
		"map: {a: b}", "pointer: a", "pointer: {outer: a}", "pointer: ", "network: 10.0.0.1", "waiver: true", "ignored: a", "Bool: true",
	} {
		err := refusal(t, put(t, house+"    controls: {every: {"+refused+"}}\n"))
		if err == nil || !strings.Contains(err.Error(), ":7:") || !strings.Contains(err.Error(), "apis.orders.controls.every") {
			t.Errorf("%s: %v", refused, err)
		}
	}
}
