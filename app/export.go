package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"time"

	"carpool/storage"
)

// exported is one table of the history.
type exported struct {
	name      string
	csv, json func(ctx context.Context, s *storage.Store, q Range, w io.Writer) error
}

var exports = []exported{
	export("requests", (*storage.Store).EachRequest, storage.WriteRequestsCSV, storage.WriteRequestsJSON),
	export("batches", (*storage.Store).EachBatch, storage.WriteBatchesCSV, storage.WriteBatchesJSON),
	export("events", (*storage.Store).EachDecision, storage.WriteDecisionsCSV, storage.WriteDecisionsJSON),
	export("samples", (*storage.Store).EachSample, storage.WriteSamplesCSV, storage.WriteSamplesJSON),
}

// export joins what reads a table with what writes it.
func export[T any](name string, read func(*storage.Store, context.Context, Range) iter.Seq2[T, error],
	csv, json func(io.Writer, iter.Seq2[T, error]) error) exported {
	return exported{name,
		func(ctx context.Context, s *storage.Store, q Range, w io.Writer) error {
			return csv(w, read(s, ctx, q))
		},
		func(ctx context.Context, s *storage.Store, q Range, w io.Writer) error {
			return json(w, read(s, ctx, q))
		}}
}

// Export writes a range of the history into a folder, told by its whole path
// and made where it is missing: requests, batches, events and samples, as "csv" or "json", newest first, a row at a time. It
// returns the files, and replaces none that is there; if one fails, none is left.
func (a *App) Export(ctx context.Context, q Range, folder, format string) (files []string, err error) {
	if format != "csv" && format != "json" {
		return nil, fmt.Errorf("a history is exported as csv or json, not as %q", format)
	}
	if !filepath.IsAbs(folder) {
		return nil, fmt.Errorf("%q names no folder: give its whole path, from the root on", folder)
	}
	if err := a.settle(ctx); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("export: %w", err)
	}
	if q.Until.IsZero() {
		q.Until = time.Now()
	}
	for _, e := range exports {
		write := e.csv
		if format == "json" {
			write = e.json
		}
		name, err := exportTo(folder, "carpool-"+e.name+spanName(q), format, func(w io.Writer) error { return write(ctx, a.store, q, w) })
		if err != nil {
			for _, f := range files {
				err = errors.Join(err, os.Remove(f))
			}
			return nil, fmt.Errorf("export %s: %w", e.name, err)
		}
		files = append(files, name)
	}
	return files, nil
}

// spanName is a range in a file's name, in local time: "-20260131-1200-20260201-1200";
// without the first part it is from the beginning.
func spanName(q Range) string {
	const minute = "-20060102-1504"
	until := q.Until.Local().Format(minute)
	if q.Since.IsZero() {
		return "-until" + until
	}
	return q.Since.Local().Format(minute) + until
}

// exportTo writes a new file, for its owner only. Where one of its name is there, it
// gets a number.
func exportTo(folder, name, extension string, write func(io.Writer) error) (path string, err error) {
	file, err := createNew(folder, name, extension)
	if err != nil {
		return "", err
	}
	out := bufio.NewWriterSize(file, 64<<10)
	if err = write(out); err == nil {
		err = out.Flush()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return "", errors.Join(err, os.Remove(file.Name()))
	}
	return file.Name(), nil
}

func createNew(folder, name, extension string) (*os.File, error) {
	for n := 1; ; n++ {
		numbered := name
		if n > 1 {
			numbered = fmt.Sprintf("%s (%d)", name, n)
		}
		file, err := os.OpenFile(filepath.Join(folder, numbered+"."+extension), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if !errors.Is(err, fs.ErrExist) {
			return file, err
		}
	}
}
