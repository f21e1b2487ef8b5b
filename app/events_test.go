package app

import (
	"slices"
	"testing"
	"time"

	"carpool/app/config"
	"carpool/backends"
	"carpool/storage"
)

func TestLookout(t *testing.T) {
	start := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	t.Run("TellsOfEnginesThatAreLostAndBack", func(t *testing.T) {
		var l lookout
		up := backends.Info{Name: "ollama", Health: backends.Up}
		down := backends.Info{Name: "ollama", Health: backends.Down, Problem: "Ollama does not answer"}
		never := backends.Info{Name: "lmstudio", Health: backends.Down, Problem: "LM Studio is not there"}
		demo := backends.Info{Name: "demo", Health: backends.Up, Simulated: true}
		var got []string
		for second, all := range [][]backends.Info{
			{never, demo}, {never, up}, {never, up}, {never, down}, {never, down}, {never, up}, {never}, {never}, {never, up},
		} {
			for _, e := range l.engines(start.Add(time.Duration(second)*time.Second), all) {
				got = append(got, e.Kind+" "+e.Engine+" "+e.Reason)
			}
		}
		want := []string{"engine ollama lost: Ollama does not answer", "engine ollama back after 2s",
			"engine ollama lost: it is not looked for any more", "engine ollama back after 2s"}
		if !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	})
	t.Run("TellsOfTheHistoryItself", func(t *testing.T) {
		var l lookout
		var got []string
		for _, s := range []storage.State{{OK: true}, {Problem: "history paused: disk full"}, {Problem: "history paused: disk full"}, {OK: true},
			{OK: true, Problem: "history was begun anew: damaged"}, {OK: true, Problem: "history was begun anew: damaged"}} {
			if e, ok := l.history(start, s); ok {
				got = append(got, e.Kind+" "+e.Reason)
			}
		}
		if want := []string{"history paused: disk full", "history goes on", "history was begun anew: damaged"}; !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func TestBatchingChange(t *testing.T) {
	on := config.Default().Batching
	off, fixed, through, offFixed := on, on, on, on
	off.Enabled, through.Enabled, offFixed.Enabled = false, false, false
	fixed.Mode, offFixed.Mode = "fixed", "fixed"
	through.OffMode = "passthrough"
	size := on
	size.MaxBatchSize = 3
	for _, tt := range []struct {
		was, is config.Batching
		want    string
	}{
		{on, on, ""},
		{on, size, ""},
		{on, fixed, "mode: fixed instead of adaptive"},
		{on, off, "off: one request at a time"},
		{on, through, "off: straight to the engine"},
		{off, through, "off: straight to the engine"},
		{off, offFixed, ""},
		{offFixed, fixed, "on: fixed"},
	} {
		if got := batchingChange(tt.was, tt.is); got != tt.want {
			t.Errorf("%+v to %+v: got %q, want %q", tt.was, tt.is, got, tt.want)
		}
	}
}
