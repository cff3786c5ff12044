package rows

import (
	"fmt"
	"strconv"
	"strings"
)

// Dialect is the kind of database that a predicate is written for.
type Dialect uint8

// The dialects. The zero value is PostgreSQL.
const (
	PostgreSQL Dialect = iota // placeholders $1, $2, ... with casts
	SQLite                    // placeholders ?
)

var dialects = [...]string{"PostgreSQL", "SQLite"}

// String returns the dialect's name.
func (d Dialect) String() string {
	if int(d) < len(dialects) {
		return dialects[d]
	}
	return "dialect " + strconv.Itoa(int(d))
}

// ColumnType is what a column of a table is, as far as policies can be asked of it.
type ColumnType uint8

// The types of columns. An id that policies know as a text may be kept as a number
// or as a UUID: then it is compared as that, and a text that is none equals no row.
const (
	Text    ColumnType = iota // text, with a collation that tells different texts apart
	Integer                   // 16, 32 or 64 bits with sign
	Boolean
	UUID // PostgreSQL only
)

var columnTypes = [...]string{"text", "integer", "boolean", "uuid"}

// String returns the type's name, as it is written behind a column's.
func (t ColumnType) String() string { return columnTypes[min(int(t), len(columnTypes)-1)] }

// cast is how PostgreSQL is told the type of a placeholder. Left to itself it takes
// the type of what stands beside it, char(3) for example, under which 'a ' is 'a'.
var cast = [...]string{"::text", "::bigint", "::boolean", "::uuid"}

// Column is where a table keeps an attribute.
type Column struct {
	Name string
	Type ColumnType
}

// parseColumn reads "name" or "name type".
func parseColumn(text string) (Column, error) {
	name, typ, typed := strings.Cut(strings.TrimSpace(text), " ")
	c := Column{Name: name}
	if !typed {
		return c, check(name)
	}
	for i, t := range columnTypes {
		if strings.TrimSpace(typ) == t {
			c.Type = ColumnType(i)
			return c, check(name)
		}
	}
	return c, fmt.Errorf("%q is no type of a column; write: %s %s", strings.TrimSpace(typ), name, strings.Join(columnTypes[:], "|"))
}

// check refuses names that no database takes.
func check(name string) error {
	if name == "" || strings.ContainsAny(name, "\x00") {
		return fmt.Errorf("%q is no name of a column", name)
	}
	return nil
}
