package relational

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gatehouse-api/gatehouse/store"
)

// relations implements [store.Relations].
type relations struct{ s *Store }

// Relations returns the role of that name.
func (s *Store) Relations() store.Relations { return relations{s} }

const (
	tupleFields = `object_type, object, relation, subject_type, subject, subject_relation`
	// tupleKept is for how many changes a removed tuple is kept.
	tupleKept = 10_000
	// tupleSweep is after how many changes those that are older are forgotten.
	tupleSweep = 1000
)

func (r relations) failed(doing string, err error) error {
	return fmt.Errorf("%s: %s relations: %w", r.s.dialect.Name, doing, err)
}

func (r relations) Write(ctx context.Context, tx *sql.Tx, add, remove []store.Tuple) (revision int64, err error) {
	if err := store.CheckTuples(add, remove); err != nil {
		return 0, r.failed("writing", err)
	}
	if tx != nil {
		revision, err = r.s.count(ctx, tx, "relation")
		if err == nil {
			err = r.s.writeTuples(ctx, tx, revision, add, remove)
		}
		if err == nil {
			err = r.s.wakeOthers(ctx, tx)
		}
	} else {
		err = r.s.change(ctx, "relation", func(ctx context.Context, tx *sql.Tx, seq int64) error {
			revision = seq
			return r.s.writeTuples(ctx, tx, seq, add, remove)
		})
	}
	if err != nil {
		return 0, r.failed("writing", err)
	}
	return revision, nil
}

// writeTuples is a part of a transaction that may be another's: it names the schema.
func (s *Store) writeTuples(ctx context.Context, tx *sql.Tx, seq int64, add, remove []store.Tuple) error {
	table := s.dialect.Schema + "relation_tuple"
	if err := each(ctx, tx, remove, s.sql(`UPDATE `+table+` SET gone = 1, seq = ? WHERE object_type = ? AND object = ? AND relation = ?
		AND subject_type = ? AND subject = ? AND subject_relation = ? AND gone = 0`), seq); err != nil {
		return err
	}
	if err := each(ctx, tx, add, s.sql(`INSERT INTO `+table+` (seq, `+tupleFields+`, gone) VALUES (?, ?, ?, ?, ?, ?, ?, 0)
		ON CONFLICT (`+tupleFields+`) DO UPDATE SET seq = excluded.seq, gone = 0 WHERE relation_tuple.gone = 1`), seq); err != nil {
		return err
	}
	if seq%tupleSweep != 0 {
		return nil
	}
	if _, err := tx.ExecContext(ctx, s.sql(`DELETE FROM `+table+` WHERE gone = 1 AND seq <= ?`), seq-tupleKept); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, s.sql(`UPDATE `+s.dialect.Schema+`change SET seq = ? WHERE role = 'relation-forgotten'`), max(0, seq-tupleKept))
	return err
}

// each runs a statement for every tuple.
func each(ctx context.Context, tx *sql.Tx, list []store.Tuple, statement string, seq int64) error {
	if len(list) == 0 {
		return nil
	}
	put, err := tx.PrepareContext(ctx, statement)
	if err != nil {
		return err
	}
	defer put.Close()
	for i := range list {
		t := &list[i]
		if _, err := put.ExecContext(ctx, seq, t.Type, t.ID, t.Relation, t.SubjectType, t.SubjectID, t.SubjectRelation); err != nil {
			return err
		}
	}
	return nil
}

func (r relations) List(ctx context.Context, like, after store.Tuple, n int) ([]store.Tuple, error) {
	ctx, cancel := briefly(ctx)
	defer cancel()
	where, args := []string{"gone = 0"}, []any{}
	for i, f := range strings.Split(tupleFields, ", ") {
		if v := partsOf(like)[i]; v != "" {
			where, args = append(where, f+" = ?"), append(args, v)
		}
	}
	if after != (store.Tuple{}) {
		where = append(where, `(`+tupleFields+`) > (?, ?, ?, ?, ?, ?)`)
		for _, v := range partsOf(after) {
			args = append(args, v)
		}
	}
	list, err := rows(ctx, r.s, readTuple, `SELECT `+tupleFields+` FROM relation_tuple WHERE `+strings.Join(where, " AND ")+` ORDER BY `+tupleFields+` LIMIT ?`, append(args, n)...)
	if err != nil {
		return nil, r.failed("listing", err)
	}
	return list, nil
}

func partsOf(t store.Tuple) [6]string {
	return [6]string{t.Type, t.ID, t.Relation, t.SubjectType, t.SubjectID, t.SubjectRelation}
}

func readTuple(scan func(...any) error) (t store.Tuple, err error) {
	return t, scan(&t.Type, &t.ID, &t.Relation, &t.SubjectType, &t.SubjectID, &t.SubjectRelation)
}

func (r relations) Checked() time.Time { return r.s.Checked() }

func (r relations) Watch(changed func(store.TupleChange)) (func(), error) {
	stop, err := r.s.tuples.watch(&r.s.feed, changed)
	if err != nil {
		return nil, r.failed("watching", err)
	}
	return stop, nil
}

// tupleTopic is who watches tuples. Unlike a [topic] it keeps none: there may be a
// million. The feed's lock guards it.
type tupleTopic struct {
	watchers map[int]*tupleWatcher
	next     int
}

// tupleWatcher is one watcher, and what it knows.
type tupleWatcher struct {
	changed func(store.TupleChange)
	seq     int64
	knows   bool
}

func (t *tupleTopic) watched() bool { return len(t.watchers) > 0 }

func (t *tupleTopic) watch(f *feed, changed func(store.TupleChange)) (stop func(), err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := t.next
	t.next++
	if t.watchers == nil {
		t.watchers = map[int]*tupleWatcher{}
	}
	t.watchers[id] = &tupleWatcher{changed: changed}
	if err := f.check(); err != nil {
		delete(t.watchers, id)
		return nil, err
	}
	f.run()
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(t.watchers, id)
	}, nil
}

// update tells every watcher what it does not know.
func (t *tupleTopic) update(ctx context.Context, s *Store, seqs map[string]int64) error {
	now, known := seqs["relation"]
	if !known && t.watched() {
		return errors.New("the change of relations is not counted")
	}
	for _, w := range t.watchers {
		if w.knows && w.seq == now {
			continue
		}
		c, err := s.tuplesSince(ctx, w)
		if err != nil {
			return err
		}
		w.seq, w.knows = c.Revision, true
		w.changed(c)
	}
	return nil
}

// tuplesSince reads what a watcher does not know, in one moment: what is told of one
// revision is what there was at it.
func (s *Store) tuplesSince(ctx context.Context, w *tupleWatcher) (c store.TupleChange, err error) {
	tx, err := s.read.BeginTx(ctx, &sql.TxOptions{Isolation: s.dialect.Moment, ReadOnly: true})
	if err != nil {
		return c, err
	}
	defer tx.Rollback()
	var forgotten int64
	if err := tx.QueryRowContext(ctx, `SELECT max(CASE role WHEN 'relation' THEN seq END), max(CASE role WHEN 'relation-forgotten' THEN seq END) FROM change`).Scan(&c.Revision, &forgotten); err != nil {
		return c, err
	}
	c.Whole = !w.knows || c.Revision < w.seq || w.seq < forgotten // or the database was put back to an older state
	statement, after := `SELECT `+tupleFields+`, gone FROM relation_tuple WHERE seq > ?`, w.seq
	if c.Whole {
		statement, after = statement+` AND gone = 0`, -1
	}
	result, err := tx.QueryContext(ctx, s.sql(statement), after)
	if err != nil {
		return c, err
	}
	defer result.Close()
	names := map[string]string{} // there are few, and in every row
	same := func(text string) string {
		if known, ok := names[text]; ok {
			return known
		}
		names[text] = text
		return text
	}
	for result.Next() {
		var t store.Tuple
		var gone bool
		if err := result.Scan(&t.Type, &t.ID, &t.Relation, &t.SubjectType, &t.SubjectID, &t.SubjectRelation, &gone); err != nil {
			return c, err
		}
		t.Type, t.Relation, t.SubjectType, t.SubjectRelation = same(t.Type), same(t.Relation), same(t.SubjectType), same(t.SubjectRelation)
		if gone {
			c.Remove = append(c.Remove, t)
		} else {
			c.Add = append(c.Add, t)
		}
	}
	return c, result.Err()
}
