package rows

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/gatehouse-api/gatehouse/internal/cedar"
)

// errText is about a text that databases disagree on, or refuse.
var errText = errors.New("a text with a NUL character or not in UTF-8 cannot be asked for")

// value makes a parameter of a value, to compare a column of the type with. possible
// is false where no such column can hold it: the text "alice" is no number, and
// neither is "007", since the number 7 is known as "7".
func value(v cedar.Literal, t ColumnType) (arg any, possible bool, err error) {
	var text string
	switch v := v.Value.(type) {
	case cedar.String:
		text = string(v)
	case cedar.EntityUID:
		text = string(v.ID)
	case cedar.Long:
		return int64(v), true, nil
	default:
		return nil, false, fmt.Errorf("a %T is no parameter", v)
	}
	if strings.IndexByte(text, 0) >= 0 || !utf8.ValidString(text) {
		return nil, false, errText
	}
	switch t {
	case Integer:
		n, err := strconv.ParseInt(text, 10, 64)
		return n, err == nil && strconv.FormatInt(n, 10) == text, nil
	case UUID:
		return text, isUUID(text), nil
	}
	return text, true, nil
}

// isUUID reports whether text is a UUID as RFC 9562 section 4 writes it, in lower
// case, which is how PostgreSQL prints one.
func isUUID(text string) bool {
	if len(text) != 36 {
		return false
	}
	for i := range len(text) {
		c := text[i]
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case (c < '0' || c > '9') && (c < 'a' || c > 'f'):
			return false
		}
	}
	return true
}

// array writes values as PostgreSQL has arrays in text, so that every driver can
// send them.
func array(args []any) string {
	b := []byte{'{'}
	for i, a := range args {
		if i > 0 {
			b = append(b, ',')
		}
		switch a := a.(type) {
		case int64:
			b = strconv.AppendInt(b, a, 10)
		case string:
			b = append(b, '"')
			for j := range len(a) {
				if a[j] == '"' || a[j] == '\\' {
					b = append(b, '\\')
				}
				b = append(b, a[j])
			}
			b = append(b, '"')
		}
	}
	return string(append(b, '}'))
}
