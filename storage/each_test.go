package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"
)

func TestEach(t *testing.T) {
	s := openStore(t, Options{})
	const n = defaultLimit + 5 // more than Requests reads at once
	for i := range n {
		s.AddRequest(Request{ID: fmt.Sprint(i), Started: noon.Add(time.Duration(i) * time.Millisecond)})
		if i%1000 == 0 { // or the queue overflows
			if err := s.Flush(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range 3 {
		s.AddSample(Sample{At: noon.Add(time.Duration(i) * time.Second), TokensOut: int64(i)})
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}

	t.Run("ReadsAllNewestFirst", func(t *testing.T) {
		next := n
		for r, err := range s.EachRequest(t.Context(), Query{}) {
			if next--; err != nil || r.ID != fmt.Sprint(next) {
				t.Fatalf("%s after %d, %v", r.ID, next, err)
			}
		}
		if next != 0 {
			t.Errorf("%d were not read", next)
		}
	})
	t.Run("KeepsToTheRangeAndTheLimit", func(t *testing.T) {
		var got []string
		for r, err := range s.EachRequest(t.Context(), Query{Since: noon.Add(2 * time.Millisecond), Until: noon.Add(9 * time.Millisecond), Limit: 2}) {
			got = append(got, r.ID, fmt.Sprint(err))
		}
		if fmt.Sprint(got) != "[8 <nil> 7 <nil>]" {
			t.Error(got)
		}
		var tokens []int64
		for r, err := range s.EachSample(t.Context(), Query{Until: noon.Add(2 * time.Second).Truncate(time.Second)}) {
			if err != nil {
				t.Fatal(err)
			}
			tokens = append(tokens, r.TokensOut)
		}
		if fmt.Sprint(tokens) != "[1 0]" {
			t.Error(tokens)
		}
	})
	t.Run("EndsWhenItsReaderHasEnough", func(t *testing.T) {
		for range 20 { // more than there are connections
			for _, err := range s.EachRequest(t.Context(), Query{}) {
				if err != nil {
					t.Fatal(err)
				}
				break
			}
		}
	})
	t.Run("TellsWhyItEnded", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var last error
		read := 0
		for _, err := range s.EachRequest(ctx, Query{}) {
			cancel()
			read++
			last = err
		}
		if !errors.Is(last, context.Canceled) || read > n {
			t.Errorf("%d rows, then %v", read, last)
		}
	})
}

func TestExport_EndsWithTheErrorOfItsRows(t *testing.T) {
	full := errors.New("disk full")
	rows := func(yield func(Request, error) bool) {
		_ = yield(fullRequest(), nil) && yield(Request{}, full)
	}
	for name, write := range map[string]func(io.Writer) error{
		"csv":  func(w io.Writer) error { return WriteRequestsCSV(w, rows) },
		"json": func(w io.Writer) error { return WriteRequestsJSON(w, rows) },
	} {
		if err := write(&bytes.Buffer{}); !errors.Is(err, full) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
