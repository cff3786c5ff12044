package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gatehouse-api/gatehouse/idp/operator"
	"github.com/gatehouse-api/gatehouse/store"
)

func (e *entry) listSecondFactors(args []string) error {
	return e.person(args, nil, func(ctx context.Context, d *operator.Desk, by operator.By, p operator.Person) error {
		list, recovery, err := d.SecondFactors(ctx, by, p.ID)
		if err != nil {
			return said(err)
		}
		if e.json {
			return e.print(list)
		}
		rows := [][]string{{"ID", "KIND", "NAME", "SINCE", "LAST USED"}}
		for _, one := range list {
			rows = append(rows, []string{one.ID, one.Kind, printable(one.Name), day(one.Made), day(one.Used)})
		}
		if err := e.table(rows); err != nil {
			return err
		}
		_, err = fmt.Fprintf(e.stdout, "recovery codes left: %d\n", recovery)
		return err
	})
}

// day is the day of a time, or nothing.
func day(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.DateOnly)
}

func (e *entry) removeSecondFactor(args []string) error {
	e.answers()
	id := e.flags.String("id", "", "one factor, by its id of users second-factors; default is all")
	return e.person(args, e.authored, func(ctx context.Context, d *operator.Desk, by operator.By, p operator.Person) error {
		if *id == "" {
			now, err := d.RemoveSecondFactor(ctx, by, p.ID)
			if err != nil {
				return said(err)
			}
			return e.printPerson(now, "", "has no second factor")
		}
		now, err := d.RemoveOneFactor(ctx, by, p.ID, *id)
		if errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("%s has no second factor %s; write: gatehouse users second-factors %s", p.Name, printable(*id), p.Name)
		}
		if err != nil {
			return said(err)
		}
		return e.printPerson(now, "", "has one second factor less")
	})
}
