package storage

import (
	"testing"
	"time"
)

func TestBuffer(t *testing.T) {
	after := func(d time.Duration) time.Time { return noon.Add(d) }
	requireDue := func(t *testing.T, b *buffer, want time.Time) {
		t.Helper()
		if got, ok := b.due(); !ok || !got.Equal(want) {
			t.Fatalf("due %v %v, want %v", got, ok, want)
		}
	}
	fill := func(b *buffer, n int) (lost int) {
		for range n {
			if b.add(noon, Request{}) {
				lost++
			}
		}
		return lost
	}

	t.Run("HasNothingDueWhileEmpty", func(t *testing.T) {
		var b buffer
		if at, ok := b.due(); ok {
			t.Fatalf("due %v", at)
		}
	})

	t.Run("IsDueSoonAfterItsOldestRow", func(t *testing.T) {
		var b buffer
		b.add(noon, Request{})
		b.add(after(40*time.Millisecond), Request{})
		requireDue(t, &b, after(gather))
		b.written(after(gather))
		if _, ok := b.due(); ok {
			t.Fatal("due after it was written")
		}
		b.add(after(time.Second), Request{})
		requireDue(t, &b, after(time.Second+gather))
	})

	t.Run("IsNotDueSoonAfterAWrite", func(t *testing.T) {
		var b buffer
		b.add(noon, Request{})
		b.written(after(gather))
		b.add(after(gather+time.Millisecond), Request{})
		requireDue(t, &b, after(gather+writeEvery))
	})

	t.Run("IsDueAtOnceWhenFull", func(t *testing.T) {
		var b buffer
		if lost := fill(&b, writeRows); lost != 0 {
			t.Fatalf("%d lost", lost)
		}
		requireDue(t, &b, noon)
	})

	t.Run("RetriesAfterTenSeconds", func(t *testing.T) {
		var b buffer
		fill(&b, keepRows)
		for i := range 3 {
			now := after(time.Duration(i) * time.Minute)
			if _, paused := b.failed(now, false); !paused {
				t.Fatal("not paused")
			}
			requireDue(t, &b, now.Add(10*time.Second))
		}
	})

	t.Run("TriesALockedFileThreeTimesBeforeItPauses", func(t *testing.T) {
		var b buffer
		b.add(noon, Request{})
		for i, want := range []bool{false, false, true, true} {
			if _, paused := b.failed(noon, true); paused != want {
				t.Fatalf("try %d: paused %v", i+1, paused)
			}
		}
		requireDue(t, &b, after(10*time.Second))
	})

	t.Run("KeepsTheNewestThousandRows", func(t *testing.T) {
		var b buffer
		fill(&b, keepRows+7)
		if lost, _ := b.failed(noon, false); lost != 7 {
			t.Fatalf("%d lost, want 7", lost)
		}
		for range 5 {
			if !b.add(noon, Request{ID: "new"}) {
				t.Fatal("nothing made room")
			}
		}
		if len(b.rows) != 1000 || b.rows[999].(Request).ID != "new" || b.rows[994].(Request).ID != "" {
			t.Fatalf("%d rows, last %v", len(b.rows), b.rows[len(b.rows)-1])
		}
	})
}
