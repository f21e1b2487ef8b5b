package relay_test

import (
	"bytes"
	"context"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"carpool/app/bench/relay"
	"carpool/app/cli"
)

// program makes this test binary the carpool that is measured, and its parts.
const program = "CARPOOL_RELAY_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(program) != "" {
		os.Exit(cli.Main(context.Background(), os.Args[1:], "test", nil, os.Stdout, os.Stderr))
	}
	goleak.VerifyTestMain(m)
}

func TestMeasure(t *testing.T) {
	t.Setenv(program, "1")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	measure := func(t *testing.T, only ...string) relay.Report {
		t.Helper()
		r, err := relay.Measure(t.Context(), relay.Options{Program: self, Version: "1.2.3", Quick: true, Only: only})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	t.Run("EveryTargetHasEveryFigure", func(t *testing.T) {
		r := measure(t, "latency", "throughput", "ndjson", "sse", "embeddings", "rest")
		for _, s := range r.Sections {
			for _, f := range s.Figures {
				for _, target := range []string{"carpool", "plain"} {
					v, ok := f.Median[target]
					if s.Name == "embeddings" && target == "plain" {
						continue
					}
					if free := f.Name == "failed" || f.Name == "cpu"; !ok || v <= 0 && !free {
						t.Errorf("%s, %s of %s: %v, %v", s.Name, f.Name, target, v, ok)
					}
				}
			}
		}
		for _, f := range r.Sections[0].Figures {
			if one := f.ToPlain["plain"]; one != 1 {
				t.Errorf("the plain proxy is %v of itself in %s", one, f.Name)
			}
		}
	})
	t.Run("NoAnswerOfCarpoolBreaksOff", func(t *testing.T) {
		for _, s := range measure(t, "throughput", "ndjson", "sse").Sections {
			for _, f := range s.Figures {
				if f.Name == "failed" && f.Median["carpool"] != 0 {
					t.Errorf("%s: %v answers", s.Name, f.Median["carpool"])
				}
			}
		}
	})
	t.Run("WritesItsReport", func(t *testing.T) {
		r := measure(t, "latency")
		var text, doc bytes.Buffer
		if err := r.Text(&text); err != nil {
			t.Fatal(err)
		}
		if err := r.Markdown(&doc); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"Added latency, one client", "carpool", "added, to plain"} {
			if !strings.Contains(text.String(), want) || !strings.Contains(doc.String(), want) {
				t.Errorf("%q is missing in\n%s\n%s", want, &text, &doc)
			}
		}
		if !strings.Contains(doc.String(), "not to be quoted") || !strings.Contains(doc.String(), "Carpool 1.2.3") {
			t.Error(doc.String())
		}
	})
	t.Run("TellsWhatIsAskedAndWhatIsOn", func(t *testing.T) {
		r := measure(t, "latency", "embeddings")
		var doc bytes.Buffer
		if err := r.Markdown(&doc); err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"| Asked | measured | met |", "at most 1.10 × plain's | ", "at least 3 × direct | ", "scheduler in mode fixed", "history in an SQLite file", "load average"} {
			if !strings.Contains(doc.String(), want) {
				t.Errorf("%q is missing in\n%s", want, &doc)
			}
		}
		if strings.Contains(doc.String(), "idle without") {
			t.Error("a goal of what did not run")
		}
		if r.Machine.Cores < 1 || r.Machine.Go == "" || r.Machine.System == "" || len(r.Goals) != 4 {
			t.Errorf("machine %+v, goals %+v", r.Machine, r.Goals)
		}
		if err := r.Missed(); err != nil {
			t.Errorf("a quick run fails: %v", err)
		}
	})
	t.Run("WritesProfiles", func(t *testing.T) {
		folder := t.TempDir()
		done, err := relay.Profile(t.Context(), relay.Options{Program: self, Quick: true, Only: []string{"throughput"}}, folder)
		if err != nil || len(done) != 1 {
			t.Fatalf("%v, %v", done, err)
		}
		for _, name := range []string{"cpu", "allocs", "mutex", "goroutine"} {
			if info, err := os.Stat(filepath.Join(folder, "throughput", name+".pprof")); err != nil || info.Size() == 0 {
				t.Errorf("%s: %v, %v", name, info, err)
			}
		}
	})
	t.Run("KnowsItsScenarios", func(t *testing.T) {
		if _, err := relay.Measure(t.Context(), relay.Options{Program: self, Only: []string{"speed"}}); err == nil || !strings.Contains(err.Error(), `"speed"`) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("SaysWhichProgramDoesNotStart", func(t *testing.T) {
		if _, err := relay.Measure(t.Context(), relay.Options{Program: "/nowhere/carpool", Only: []string{"latency"}}); err == nil || !strings.Contains(err.Error(), "start direct") {
			t.Errorf("error %v", err)
		}
	})
}

func TestPartsEndWithTheirContext(t *testing.T) {
	for name, part := range map[string]func(context.Context, net.Listener) error{
		"engine": relay.Engine,
		"plain": func(ctx context.Context, l net.Listener) error {
			return relay.Plain(ctx, l, &url.URL{Scheme: "http", Host: "127.0.0.1:1"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- part(ctx, l) }()
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
}
