package relations

import "strings"

// source is the text of a model.
type source struct {
	file  string
	lines []string
}

// token is one word or one of the marks [ ] ( ) , : # *. The end is "".
type token struct {
	text  string
	at    place
	word  bool
	first bool // of its line
	glued bool // nothing stands between it and the token before
}

// lex cuts a model into tokens. A comment begins with # at the beginning of a line or
// after white space, and ends with the line.
func lex(file, text string) (*source, []token) {
	src := &source{file: file, lines: strings.Split(text, "\n")}
	var out []token
	for i, line := range src.lines {
		line = strings.TrimSuffix(line, "\r")
		known, end := len(out), -1 // of the line's last token
		for c := 0; c < len(line); {
			at := place{i + 1, c + 1}
			switch b := line[c]; {
			case b == ' ' || b == '\t':
				c++
			case b == '#' && (c == 0 || line[c-1] == ' ' || line[c-1] == '\t'):
				c = len(line)
			case strings.IndexByte(marks, b) >= 0:
				out = append(out, token{text: line[c : c+1], at: at, glued: c == end})
				c++
				end = c
			default:
				n := strings.IndexAny(line[c:], marks+" \t")
				if n < 0 {
					n = len(line) - c
				}
				out = append(out, token{text: line[c : c+n], at: at, word: true, glued: c == end})
				c += n
				end = c
			}
		}
		if len(out) > known {
			out[known].first = true
		}
	}
	end := place{len(src.lines), len(src.lines[len(src.lines)-1]) + 1}
	return src, append(out, token{at: end})
}

const marks = "[](),:#*"
