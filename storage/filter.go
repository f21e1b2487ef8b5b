package storage

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
)

// Filter selects, sorts and pages rows of a table. The zero value of a field does
// not restrict.
type Filter struct {
	Query                              // Limit is the length of a page
	App, Engine, Model, Outcome string // equal to; App and Outcome do not restrict batches
	Batch                       uint64 // requests of this batch
	Sort                        string // a column, by the name that it has in JSON; "" = started
	Ascending                   bool   // unknown values come last either way
	Offset                      int    // rows left out
}

// condition is a part of WHERE, with its arguments.
type condition struct {
	sql  strings.Builder
	args []any
}

func (c *condition) and(sql string, args ...any) {
	if c.sql.Len() > 0 {
		c.sql.WriteString(" AND ")
	}
	c.sql.WriteString(sql)
	c.args = append(c.args, args...)
}

// equal restricts to a value, if there is one.
func (c *condition) equal(column, value string) {
	if value != "" {
		c.and(column+" = ?", value)
	}
}

// also is the condition as a further part of WHERE.
func (c *condition) also() string {
	if c.sql.Len() == 0 {
		return ""
	}
	return " AND " + c.sql.String()
}

// names restricts to what a roll-up of requests has too.
func (f Filter) names(c *condition) {
	c.equal("app", f.App)
	c.equal("engine", f.Engine)
	c.equal("model", f.Model)
	c.equal("outcome", f.Outcome)
}

// order is ORDER BY for a table with columns, whose names in SQL are in the same
// order; the row number decides between equals.
func order[T any](f Filter, columns []column[T], inSQL []string, rowid string) (string, error) {
	name := f.Sort
	if name == "" {
		name = "started"
	}
	at := slices.IndexFunc(columns, func(c column[T]) bool { return c.name == name })
	if at < 0 {
		return "", fmt.Errorf("no column %q to sort by", name)
	}
	direction := " DESC" // which has NULL last
	if f.Ascending {
		direction = " ASC"
	}
	nulls := ""
	if f.Ascending && name != "started" { // which is never NULL, and the index does not know the words
		nulls = " NULLS LAST"
	}
	return " ORDER BY " + inSQL[at] + direction + nulls + ", " + rowid + direction, nil
}

// sortable is how many rows are sorted by another column than started.
const sortable = 50_000

// FindRequests reads a page of requests, and how many the filter selects in all.
// Sorted by another column than started, the page is of the newest sortable that the
// filter selects, or fewer: of the last hours in which as many began, selected or
// not. It fails if Sort is no column of theirs.
func (s *Store) FindRequests(ctx context.Context, f Filter) (rows []Request, total int64, err error) {
	sorted, err := order(f, requestCSV, strings.Split(requestColumns, ","), "seq")
	if err != nil {
		return nil, 0, fmt.Errorf("find requests: %w", err)
	}
	err = s.snapshot(ctx, func(tx *sql.Tx) error {
		kept, err := readKept(ctx, tx)
		if err != nil {
			return err
		}
		from, to := f.bounds()
		from = max(from, kept) // a late row from before is deleted with the next ones
		var where condition
		f.names(&where)
		spans := []bounds{{from, to}}
		if f.Batch > 0 {
			where.and("batch = ?", int64(f.Batch))
			err = tx.QueryRowContext(ctx, `SELECT count(*) FROM request_row WHERE started >= ? AND started < ?`+where.also(),
				append([]any{from, to}, where.args...)...).Scan(&total)
		} else {
			total, err = f.countRequests(ctx, tx, from, to)
			if err == nil && total > 0 {
				spans, err = f.busyHours(ctx, tx, from, to)
			}
		}
		if err != nil || total == 0 {
			return err
		}
		rows, err = findPage(ctx, tx, f, table[Request]{"request_row", "seq", requestColumns, scanRequest}, spans, where, sorted)
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("find requests: %w", err)
	}
	return rows, total, nil
}

// countRequests counts by the roll-ups: a filter by names needs no table's rows.
func (f Filter) countRequests(ctx context.Context, tx *sql.Tx, from, to int64) (n int64, err error) {
	pieces, err := usagePieces(ctx, tx, from, to)
	if err != nil {
		return 0, err
	}
	table, args := usageOf(pieces)
	var where condition
	f.names(&where)
	err = tx.QueryRowContext(ctx, `SELECT coalesce(sum(requests), 0) FROM `+table+` WHERE true`+where.also(),
		append(args, where.args...)...).Scan(&n)
	return n, err
}

// FindBatches reads a page of batches, and how many the filter selects in all.
// Sorted by another column than started, the page is of the newest sortable that the
// filter selects. It fails if Sort is no column of theirs.
func (s *Store) FindBatches(ctx context.Context, f Filter) (rows []Batch, total int64, err error) {
	sorted, err := order(f, batchCSV, append(strings.Split(batchColumns, ","), batchEnergy), "id")
	if err != nil {
		return nil, 0, fmt.Errorf("find batches: %w", err)
	}
	var where condition
	where.equal("engine", f.Engine)
	where.equal("model", f.Model)
	err = s.snapshot(ctx, func(tx *sql.Tx) error {
		from, to := f.bounds()
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM batch WHERE started >= ? AND started < ?`+where.also(),
			append([]any{from, to}, where.args...)...).Scan(&total); err != nil {
			return err
		}
		rows, err = findPage(ctx, tx, f, table[Batch]{"batch", "id", batchColumns + ", " + batchEnergy, scanBatch}, []bounds{{from, to}}, where, sorted)
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("find batches: %w", err)
	}
	return rows, total, nil
}

// Names are what a range can be filtered by, sorted.
type Names struct{ Apps, Engines, Models, Outcomes []string }

// Names reads what occurs in the requests of a range; q.Limit is ignored.
func (s *Store) Names(ctx context.Context, q Query) (Names, error) {
	var names Names
	err := s.snapshot(ctx, func(tx *sql.Tx) error {
		from, to := q.bounds()
		pieces, err := usagePieces(ctx, tx, from, to)
		if err != nil {
			return err
		}
		table, args := usageOf(pieces)
		_, err = collect(ctx, tx, names.add, `SELECT DISTINCT app, engine, model, outcome FROM `+table, args...)
		return err
	})
	if err != nil {
		return Names{}, fmt.Errorf("read names: %w", err)
	}
	for _, list := range []*[]string{&names.Apps, &names.Engines, &names.Models, &names.Outcomes} {
		slices.Sort(*list)
		*list = slices.DeleteFunc(slices.Compact(*list), func(name string) bool { return name == "" })
	}
	return names, nil
}

func (n *Names) add(rows *sql.Rows) (struct{}, error) {
	var app, engine, model, outcome string
	err := rows.Scan(&app, &engine, &model, &outcome)
	n.Apps, n.Engines = append(n.Apps, app), append(n.Engines, engine)
	n.Models, n.Outcomes = append(n.Models, model), append(n.Outcomes, outcome)
	return struct{}{}, err
}
