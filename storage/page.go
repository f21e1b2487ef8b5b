package storage

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
)

// bounds are a part of a range: from <= started < to, UTC, milliseconds since 1970.
type bounds struct{ from, to int64 }

// table is one that pages are read from.
type table[T any] struct {
	name, rowid, columns string
	scan                 func(*sql.Rows) (T, error)
}

// byStart tells whether the page is in the order of the index.
func (f Filter) byStart() bool { return f.Sort == "" || f.Sort == "started" }

// findPage reads a page out of spans, which are in the order in which they are
// searched. The rows are picked first and read when it is known which are on the page.
func findPage[T any](ctx context.Context, tx *sql.Tx, f Filter, t table[T], spans []bounds, where condition, sorted string) ([]T, error) {
	direction, most, skip := " DESC", sortable, f.Offset
	if f.byStart() {
		most = f.Offset + f.limit()
		if f.Ascending {
			direction = " ASC"
		}
	}
	pick := `SELECT ` + t.rowid + ` FROM ` + t.name + ` WHERE started >= ? AND started < ?` + where.also() +
		` ORDER BY started` + direction + `, ` + t.rowid + direction + ` LIMIT ?`
	var picked []int64
	for _, s := range spans {
		args := slices.Concat([]any{s.from, s.to}, where.args, []any{most - len(picked)})
		found, err := collect(ctx, tx, scanNumber, pick, args...)
		if err != nil {
			return nil, err
		}
		if picked = append(picked, found...); len(picked) == most {
			break
		}
	}
	if f.byStart() {
		picked, skip = picked[min(skip, len(picked)):], 0
	}
	list, err := json.Marshal(picked)
	if err != nil {
		return nil, err
	}
	return collect(ctx, tx, t.scan, `SELECT `+t.columns+` FROM `+t.name+` WHERE `+t.rowid+` IN (SELECT value FROM json_each(?))`+
		sorted+` LIMIT ? OFFSET ?`, string(list), f.limit(), skip)
}

func scanNumber(rows *sql.Rows) (n int64, err error) {
	err = rows.Scan(&n)
	return n, err
}

// busyHours are where a page of requests is searched, in that order: the hours of
// [from, to) in which some began that the filter selects, as many as it takes, so
// that what is rare is found without reading all the rest.
func (f Filter) busyHours(ctx context.Context, tx *sql.Tx, from, to int64) (spans []bounds, err error) {
	var names condition
	f.names(&names)
	u, err := readUnfilled(ctx, tx)
	if err != nil || u.any() || f.byStart() && names.sql.Len() == 0 {
		return []bounds{{from, to}}, err
	}
	direction := " DESC"
	if f.byStart() && f.Ascending {
		direction = " ASC"
	}
	const h = 1000 * hour
	var selected, all int
	for n, err := range each(ctx, tx, "hours", scanHour, `SELECT at * 1000, coalesce(sum(requests) FILTER (WHERE true`+names.also()+`), 0), sum(requests)
		FROM usage WHERE step = ? AND at >= ? AND at < ? GROUP BY at ORDER BY at`+direction,
		append(names.args, hour, floor(from, h)/1000, ceil(to, h)/1000)...) {
		if err != nil {
			return nil, err
		}
		if n.selected == 0 {
			continue
		}
		spans = append(spans, bounds{max(from, n.at), min(to, n.at+h)})
		all += n.all
		if n.at >= from && n.at+h <= to { // how many are in a part of an hour is not known
			selected += n.selected
		}
		if f.byStart() && selected >= f.Offset+f.limit() || !f.byStart() && all >= sortable {
			break
		}
	}
	return spans, nil
}

// hourCount is how many requests began in an hour.
type hourCount struct {
	at            int64 // UTC, milliseconds since 1970
	selected, all int
}

func scanHour(rows *sql.Rows) (n hourCount, err error) {
	err = rows.Scan(&n.at, &n.selected, &n.all)
	return n, err
}
