package storage

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"flag"
	"io"
	"iter"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func exportedRequests() []Request {
	hostile := Request{ID: "=1+1", Started: noon, App: "+cmd|'/c calc'!A0", Engine: "-2", Model: "@SUM(A1)", Route: "\t=1",
		Dialect: " =1", Priority: `say "hi", a
new line`, Outcome: "ok", ErrorKind: "a=b"}
	return []Request{fullRequest(), {ID: "bare", Started: noon}, hostile}
}

func TestExport(t *testing.T) {
	for name, write := range map[string]func(io.Writer) error{
		"requests.csv":  func(w io.Writer) error { return WriteRequestsCSV(w, rowsOf(exportedRequests())) },
		"requests.json": func(w io.Writer) error { return WriteRequestsJSON(w, rowsOf(exportedRequests())) },
		"batches.csv": func(w io.Writer) error {
			return WriteBatchesCSV(w, rowsOf([]Batch{fullBatch(), {ID: 8, Started: noon}}))
		},
		"batches.json": func(w io.Writer) error {
			return WriteBatchesJSON(w, rowsOf([]Batch{fullBatch(), {ID: 8, Started: noon}}))
		},
		"decisions.csv": func(w io.Writer) error {
			return WriteDecisionsCSV(w, rowsOf([]Decision{fullDecision(), {At: noon, Model: "=1+1"}}))
		},
		"decisions.json": func(w io.Writer) error {
			return WriteDecisionsJSON(w, rowsOf([]Decision{fullDecision(), {At: noon, Model: "=1+1"}}))
		},
		"samples.csv": func(w io.Writer) error {
			return WriteSamplesCSV(w, rowsOf([]Sample{fullSample(), {At: fullSample().At}}))
		},
		"samples.json": func(w io.Writer) error {
			return WriteSamplesJSON(w, rowsOf([]Sample{fullSample(), {At: fullSample().At}}))
		},
		"empty.csv":  func(w io.Writer) error { return WriteBatchesCSV(w, rowsOf[Batch](nil)) },
		"empty.json": func(w io.Writer) error { return WriteBatchesJSON(w, rowsOf[Batch](nil)) },
	} {
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			if err := write(&got); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join("testdata", name)
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil || !bytes.Equal(got.Bytes(), want) {
				t.Errorf("differs from %s (%v):\n%s", golden, err, got.Bytes())
			}
		})
	}

	t.Run("JSONReadsBack", func(t *testing.T) {
		var out bytes.Buffer
		if err := WriteRequestsJSON(&out, rowsOf(exportedRequests())); err != nil {
			t.Fatal(err)
		}
		var got []Request
		if err := json.Unmarshal(out.Bytes(), &got); err != nil || !reflect.DeepEqual(got, exportedRequests()) {
			t.Errorf("got %+v, %v", got, err)
		}
	})

	t.Run("CSVHasTheColumnsOfTheJSON", func(t *testing.T) {
		for _, c := range []struct {
			row     any
			columns []string
		}{{Request{}, names(requestCSV)}, {Batch{}, names(batchCSV)}, {Decision{}, names(decisionCSV)}, {Sample{}, names(sampleCSV)}} {
			var want []string
			for _, f := range reflect.VisibleFields(reflect.TypeOf(c.row)) {
				want = append(want, f.Tag.Get("json"))
			}
			if !reflect.DeepEqual(c.columns, want) {
				t.Errorf("%T: columns %v, want %v", c.row, c.columns, want)
			}
		}
	})

	t.Run("NoTextIsAFormula", func(t *testing.T) {
		var out bytes.Buffer
		if err := WriteRequestsCSV(&out, rowsOf(exportedRequests())); err != nil {
			t.Fatal(err)
		}
		records, err := csv.NewReader(&out).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, cell := range records[3] {
			if cell != "" && strings.ContainsAny(strings.TrimSpace(cell)[:1], "=+-@") {
				t.Errorf("cell %q", cell)
			}
		}
	})
}

func names[T any](columns []column[T]) (all []string) {
	for _, c := range columns {
		all = append(all, c.name)
	}
	return all
}

// rowsOf has rows come one after the other.
func rowsOf[T any](rows []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}
