package rows

import (
	"fmt"
	"slices"

	"github.com/gatehouse-api/gatehouse/internal/cedar"
)

// guarded refuses a condition that looks at an attribute which may be missing where
// nothing has made sure that it is there: NULL OR TRUE is TRUE in SQL, where the
// policy denies. The strict validator lets none through; this is the second look.
func guarded(x cedar.Expr, held []string) error {
	switch x := x.(type) {
	case cedar.And:
		for _, y := range x {
			held = append(held[:len(held):len(held)], holds(y)...)
		}
		return all(x, held)
	case cedar.Or:
		return all(x, held)
	case cedar.Not:
		return guarded(x.X, held)
	case cedar.Compare:
		return all([]cedar.Expr{x.Left, x.Right}, held)
	case cedar.OneOf:
		return guarded(x.X, held)
	case cedar.Attribute:
		if !x.Required && !slices.Contains(held, x.Name) {
			return fmt.Errorf("resource.%s may be missing, and nothing asks `resource has %s` before", x.Name, x.Name)
		}
	}
	return nil
}

func all(xs []cedar.Expr, held []string) error {
	for _, x := range xs {
		if err := guarded(x, held); err != nil {
			return err
		}
	}
	return nil
}

// holds returns the attributes that are there where x is true.
func holds(x cedar.Expr) (names []string) {
	switch x := x.(type) {
	case cedar.Has:
		return []string{x.Attribute.Name}
	case cedar.And:
		for _, y := range x {
			names = append(names, holds(y)...)
		}
	case cedar.Or:
		for i, y := range x {
			if i == 0 {
				names = holds(y)
				continue
			}
			there := holds(y)
			names = slices.DeleteFunc(names, func(n string) bool { return !slices.Contains(there, n) })
		}
	}
	return names
}
