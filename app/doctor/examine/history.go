package examine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"carpool/app/config"
	"carpool/app/doctor"
)

// history looks at the file without opening it as a database, which would mend or
// move it: where a Carpool has it open, that one knows; where none does, its head
// and its length tell a file that is torn or none of ours.
func history(_ context.Context, o Options, c config.Config) doctor.History {
	h := doctor.History{Off: !c.History.Enabled}
	path := filepath.Join(o.StateDir, "history.db")
	if aside, err := filepath.Glob(path + ".corrupt-*"); err == nil {
		for _, a := range aside {
			h.Aside = append(h.Aside, filepath.Base(a))
		}
	}
	for _, name := range []string{path, path + "-wal"} {
		info, err := os.Stat(name)
		if err != nil || info.Size() == 0 {
			continue
		}
		h.Bytes += uint64(info.Size())
		if info.ModTime().After(h.Newest) {
			h.Newest = info.ModTime()
		}
	}
	if o.Running != nil {
		h.Problem, h.Dropped = o.Running.History.Problem, o.Running.History.Dropped
		return h
	}
	err := wholeDatabase(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		h.Missing = true
	case err != nil:
		h.Problem = cause(err).Error()
	default:
		if info, err := os.Stat(path + "-wal"); err == nil && info.Size() > 0 {
			h.Unsure = "Carpool did not end in order; it looks at what was written last when it starts"
		}
	}
	return h
}

// wholeDatabase goes by SQLite's file format: a magic text, the size of a page and
// how many there are.
func wholeDatabase(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	head := make([]byte, 100)
	if _, err := io.ReadFull(f, head); err != nil {
		return errors.New("the file is too short")
	}
	if !bytes.HasPrefix(head, []byte("SQLite format 3\x00")) {
		return errors.New("the file is no history")
	}
	page := int64(head[16])<<8 | int64(head[17])
	if page == 1 {
		page = 1 << 16
	}
	pages := int64(head[28])<<24 | int64(head[29])<<16 | int64(head[30])<<8 | int64(head[31])
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() < page*pages {
		return fmt.Errorf("the file ends at %d of %d bytes", info.Size(), page*pages)
	}
	return nil
}
