package percent

import "testing"

func TestEscapesAreDecodedOnceAndTheMalformedStay(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "a+b": "a b", "%41%6a%6A": "Ajj", "%2541": "%41", "%": "%", "%4": "%4", "%4g": "%4g", "%g4": "%g4", "%%41": "%A", "%00": "\x00", "\xff%ff": "\xff\xff", "%2B": "+",
	} {
		if got := string(Append([]byte("x"), in, true)); got != "x"+want {
			t.Errorf("%q: %q; want %q", in, got, "x"+want)
		}
	}
	if got := string(Append(nil, "a+b", false)); got != "a+b" {
		t.Errorf("a plus sign of its own: %q", got)
	}
}
