package password

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// The shortest passwords, in characters (SP 800-63B-4 section 3.1.1.2).
const (
	Shortest           = 15 // where the password may be all there is
	ShortestWithFactor = 8  // where it never is
)

// The reasons why a password is refused, for errors.Is.
var (
	ErrShort  = errors.New("password: too short")
	ErrLong   = errors.New("password: too long")
	ErrText   = errors.New("password: not text")
	ErrCommon = errors.New("password: too common")
)

// Policy says which passwords are taken. The zero Policy is ready and the strictest.
type Policy struct {
	// Product is the name of what people sign in to. It is no password.
	Product string
	// Blocked returns passwords beside those that the rules know. It is asked for each
	// that the rules take; nil where there are none.
	Blocked func() (*List, error)
	// SecondFactor says that nobody signs in by a password alone.
	SecondFactor bool
}

// Shortest returns how many characters a password has at least.
func (p Policy) Shortest() int {
	if p.SecondFactor {
		return ShortestWithFactor
	}
	return Shortest
}

// Check returns why a password is refused, nil, or an error of Blocked. about is what
// belongs to the person and is known to others: the e-mail address, the name.
func (p Policy) Check(password string, about ...string) error {
	if !utf8.ValidString(password) || strings.ContainsFunc(password, control) {
		return ErrText
	}
	password = Normal(password)
	switch n := utf8.RuneCountInString(password); {
	case n < p.Shortest():
		return ErrShort
	case n > Longest:
		return ErrLong
	case guessable(password, append(about, p.Product)):
		return ErrCommon
	case p.Blocked == nil:
		return nil
	}
	blocked, err := p.Blocked()
	if err == nil && blocked.Has(password) {
		err = ErrCommon
	}
	return err
}

func control(r rune) bool { return r < ' ' || r == 0x7f }

// List is a set of passwords that were found elsewhere. It keeps 8 bytes of the
// SHA-256 of each; nil is empty.
type List struct{ sums []uint64 }

// maxList is the most lines that a list may have: 80 MB of memory.
const maxList = 10_000_000

// ReadList reads one password a line. They are compared without regard to case.
func ReadList(r io.Reader) (*List, error) {
	l := &List{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if lines.Text() == "" {
			continue
		}
		if len(l.sums) == maxList {
			return nil, fmt.Errorf("password: a list of blocked passwords has at most %d lines", maxList)
		}
		l.sums = append(l.sums, sumOf(lines.Text()))
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("password: reading the list of blocked passwords: %w", err)
	}
	slices.Sort(l.sums)
	l.sums = slices.Compact(l.sums)
	return l, nil
}

// Has reports whether the list has the password.
func (l *List) Has(password string) bool {
	if l == nil {
		return false
	}
	_, found := slices.BinarySearch(l.sums, sumOf(password))
	return found
}

func sumOf(password string) uint64 {
	sum := sha256.Sum256([]byte(strings.ToLower(Normal(password))))
	return binary.BigEndian.Uint64(sum[:])
}
