package ui

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"carpool/app"
	"carpool/ui/chart"
)

// noon is the moment of the scenes of the past: their axes are in local time.
var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.Local)

// pastDay is a Carpool that has been there for a day.
func pastDay() app.Snapshot {
	s := busy()
	s.At = noon
	return s
}

// remember gives a fake a history: a point for each step but for a while in which
// Carpool did not run, requests and their batches, and what was decided.
func remember(f *fakeCarpool) {
	value := func(v float64) *float64 { return &v }
	f.points = func(q app.Range, most int) app.Points {
		since, until := q.Since, q.Until
		if since.IsZero() {
			since = noon.Add(-40 * 24 * time.Hour)
		}
		step := time.Second
		for _, next := range []time.Duration{10 * time.Second, time.Minute, 5 * time.Minute, time.Hour} {
			if int(until.Sub(since)/step) > most {
				step = next
			}
		}
		p := app.Points{Step: step}
		for at := since; at.Before(until); at = at.Add(step) {
			x := at.Sub(noon).Minutes()
			if x > -25 && x < -19 {
				continue
			}
			load := 0.5 + 0.5*math.Sin(x/7)
			point := app.Point{At: at, Seconds: int(step.Seconds()), Running: math.Round(4 * load), Waiting: math.Round(5 * max(0, load-.6)), Limit: 4,
				TokensOut: 60 * 4 * load, TokensIn: 30 * load,
				MemoryUsed: value((9 + 3*load) * (1 << 30)), MemoryTotal: value(24 << 30), MemoryOurs: value((8 + 3*load) * (1 << 30)), MemoryOthers: value(1 << 30), Utilization: value(load)}
			if load > 0.1 {
				point.FirstP50, point.FirstP95 = value(0.2+0.4*load), value(0.5+1.6*load)
			}
			p.Points = append(p.Points, point)
		}
		return p
	}
	apps := []string{"Open WebUI", "VS Code · Continue", "n8n", "batch-notes.py", "Home Assistant"}
	var requests []app.RequestRow
	var batches []app.BatchRow
	for i := range 60 {
		batch := uint64(753 - i/3)
		started := noon.Add(-time.Duration(i) * 47 * time.Second)
		r := app.RequestRow{ID: fmt.Sprintf("0193f1c2-%04d-7c11-9a55-6a1f0c7d2e11", i), Batch: &batch, Started: started, App: apps[i%len(apps)],
			Engine: "ollama", Model: "qwen3:8b", Route: "/api/chat", Dialect: "ollama", Stream: i%2 == 0, Priority: "normal", Outcome: "ok", Status: 200, EngineStatus: 200,
			PromptBytes: 4210, AnswerBytes: 2950, QueueMS: float64(i%4) * 340, TotalMS: 4100 + float64(i*731%9000), FirstTokenMS: value(280 + float64(i*97%900))}
		prompt, output := int64(900+i*13), int64(180+i*37%700)
		r.PromptTokens, r.OutputTokens, r.EnergyJ = &prompt, &output, value(float64(output)*0.9)
		switch {
		case i%17 == 5:
			r.Outcome, r.ErrorKind, r.Status, r.EngineStatus, r.OutputTokens, r.EnergyJ = "error", "engine", 502, 500, nil, nil
		case i%13 == 7:
			r.Outcome, r.Status = "cancelled", 499
		case i == 11:
			r.Outcome, r.Batch, r.FirstTokenMS, r.OutputTokens, r.EnergyJ = "rejected", nil, nil, nil, nil
		case i%9 == 3:
			r.Model = "gemma3:4b"
		}
		requests = append(requests, r)
		if i%3 == 0 {
			used, total := int64(11<<30), int64(24<<30)
			batches = append(batches, app.BatchRow{ID: batch, Started: started, Engine: "ollama", Model: "qwen3:8b", Mode: "adaptive", Why: "free slot",
				Released: 3, Running: 4, Limit: 4, MeanWaitMS: 310, MaxWaitMS: 340 + float64(i), DurationMS: 9100, Tokens: 1620,
				GPUMemoryUsed: &used, GPUMemoryTotal: &total, GPUUtilization: value(.84)})
		}
	}
	f.requests = func(q app.Filter) ([]app.RequestRow, int64) {
		var all []app.RequestRow
		for _, r := range requests {
			if (q.App == "" || q.App == r.App) && (q.Model == "" || q.Model == r.Model) && (q.Outcome == "" || q.Outcome == r.Outcome) &&
				(q.Batch == 0 || r.Batch != nil && *r.Batch == q.Batch) && !r.Started.Before(q.Since) {
				all = append(all, r)
			}
		}
		slices.SortStableFunc(all, func(a, b app.RequestRow) int {
			var by int
			switch q.Sort {
			case "total_ms":
				by = cmp.Compare(b.TotalMS, a.TotalMS)
			case "app":
				by = cmp.Compare(b.App, a.App)
			default:
				by = b.Started.Compare(a.Started)
			}
			if q.Ascending {
				by = -by
			}
			return by
		})
		return pageOf(all, q), int64(len(all))
	}
	f.batches = func(q app.Filter) ([]app.BatchRow, int64) {
		all := slices.DeleteFunc(slices.Clone(batches), func(b app.BatchRow) bool { return b.Started.Before(q.Since) })
		return pageOf(all, q), int64(len(all))
	}
	four, six := int64(4), int64(6)
	f.events = []app.Event{
		{At: noon.Add(-5 * time.Minute), Kind: "limit", Model: "qwen3:8b", OldLimit: &six, NewLimit: &four, Reason: "engine runs 4 at once"},
		{At: noon.Add(-12 * time.Minute), Kind: "load", Model: "qwen3:8b", Reason: "took 4.1 s"},
		{At: noon.Add(-26 * time.Minute), Kind: "engine", Engine: "ollama", Reason: "lost: connection refused"},
		{At: noon.Add(-18 * time.Minute), Kind: "engine", Engine: "ollama", Reason: "back after 8m0s"},
		{At: noon.Add(-40 * time.Minute), Kind: "batching", Reason: "turned on"},
		{At: noon.Add(-52 * time.Minute), Kind: "yield", Reason: "cs2 uses 62 % of the GPU"},
	}
	f.names = app.Names{Apps: slices.Sorted(slices.Values(apps)), Engines: []string{"ollama"}, Models: []string{"gemma3:4b", "qwen3:8b"},
		Outcomes: []string{"cancelled", "error", "ok", "rejected"}}
}

func pageOf[T any](all []T, q app.Filter) []T {
	if q.Limit == 0 {
		return all
	}
	from := min(q.Offset, len(all))
	return all[from:min(from+q.Limit, len(all))]
}

// openPast shows the page History of a scene, as it was read.
func openPast(t *testing.T, s app.Snapshot, prepare func(*fakeCarpool), theme string, width, height float32) (*Window, *fakeCarpool, fyne.Window) {
	t.Helper()
	w, fake, fw := open(t, s, theme, width, height)
	prepare(fake)
	live(t, w)
	w.Open(pageHistory)
	fake.settled(t, w)
	return w, fake, fw
}

// settled waits until all that was asked of the history is shown.
func (f *fakeCarpool) settled(t *testing.T, w *Window) {
	t.Helper()
	f.eventually(t, "the history is read", func() bool { return !w.history.reads.pending() && !w.history.records.reads.pending() })
}

func press(o fyne.Focusable, keys ...fyne.KeyName) {
	for _, k := range keys {
		o.TypedKey(&fyne.KeyEvent{Name: k})
	}
}

func TestHistory_DragZoomsAllChartsAndBackReturns(t *testing.T) {
	w, fake, _ := openPast(t, pastDay(), remember, "dark", 1280, 800)
	p := w.history
	whole := p.past
	if whole.to.Sub(whole.from) != time.Hour {
		t.Fatalf("begins with %v", whole.to.Sub(whole.from))
	}
	c := p.charts.requests
	for x := float32(200); x <= 300; x += 20 {
		c.Dragged(&fyne.DragEvent{PointEvent: fyne.PointEvent{Position: fyne.NewPos(x, 60)}, Dragged: fyne.NewDelta(20, 0)})
	}
	c.DragEnd()
	fake.settled(t, w)
	zoomed := p.past
	if zoomed.to.Sub(zoomed.from) > 20*time.Minute || zoomed.from.Before(whole.from) || zoomed.to.After(whole.to) || p.picker.chosen != -1 {
		t.Errorf("zooms to %v – %v", zoomed.from, zoomed.to)
	}
	if p.records.period.Since != zoomed.from {
		t.Error("the table does not follow")
	}
	p.charts.tokens.TypedRune('+')
	fake.settled(t, w)
	if again := p.past; again.to.Sub(again.from) >= zoomed.to.Sub(zoomed.from) {
		t.Error("the key + does not zoom")
	}
	test.Tap(p.back)
	fake.settled(t, w)
	if p.past.from != zoomed.from || !p.back.Visible() {
		t.Error("back does not lead to the zoom before")
	}
	c.DoubleTapped(nil)
	fake.settled(t, w)
	if p.past.from != whole.from || p.picker.chosen != firstSpan || p.back.Visible() {
		t.Error("a double click does not lead back to the hour")
	}
}

func TestHistory_EachSpanIsRead(t *testing.T) {
	w, fake, _ := openPast(t, pastDay(), remember, "dark", 1280, 800)
	p := w.history
	press(p.picker, fyne.KeyLeft)
	for i, s := range p.spans {
		fake.settled(t, w)
		long := p.past.to.Sub(p.past.from)
		if s.long != 0 && long != s.long || s.long == 0 && long != 40*24*time.Hour {
			t.Errorf("%s: shows %v", s.name, long)
		}
		if n := len(p.past.points.Points); n < 50 || n > mostPoints {
			t.Errorf("%s: of %d points", s.name, n)
		}
		if p.picker.chosen != i {
			t.Errorf("%s: %d is chosen", s.name, p.picker.chosen)
		}
		press(p.picker, fyne.KeyRight)
	}
}

func TestHistory_FollowsWhileThePeriodEndsNow(t *testing.T) {
	w, fake, _ := openPast(t, pastDay(), remember, "dark", 1280, 800)
	later := func(by time.Duration) {
		s := themed(pastDay())
		s.At = noon.Add(by)
		w.show(s)
	}
	later(4 * time.Second)
	if w.history.reads.pending() {
		t.Error("reads again after 4 s")
	}
	later(11 * time.Second)
	fake.settled(t, w)
	if got := w.history.past.to; !got.Equal(noon.Add(11 * time.Second)) {
		t.Errorf("ends at %v", got)
	}
	w.history.zoom(noon.Add(-time.Hour), noon.Add(-50*time.Minute))
	fake.settled(t, w)
	later(time.Hour)
	if w.history.reads.pending() {
		t.Error("reads again what cannot have changed")
	}
}

func TestHistory_ALateReadDoesNotReplaceANewerOne(t *testing.T) {
	w, fake, _ := open(t, pastDay(), "dark", 1280, 800)
	remember(fake)
	w.Open(pageHistory)
	p := w.history
	press(p.picker, fyne.KeyRight) // 6 h
	early := w.errands.take()
	press(p.picker, fyne.KeyRight) // 24 h
	press(p.records.kinds, fyne.KeyRight)
	for _, errands := range [][]func(context.Context){w.errands.take(), early} { // the early ones come late
		for _, do := range errands {
			do(t.Context())
			(<-fake.queue)()
		}
	}
	if long := p.past.to.Sub(p.past.from); long != 24*time.Hour || p.records.requests != nil || len(p.records.table.rows) != len(p.records.batches) {
		t.Errorf("shows the late read, of %v, and %d requests", long, len(p.records.requests))
	}
}

func TestReadings(t *testing.T) {
	var r readings
	first, second := r.ask(), r.ask()
	if r.answer(first) || !r.pending() {
		t.Error("an answer that is out of date counts")
	}
	if !r.answer(second) || r.pending() {
		t.Error("the answer asked for last does not count")
	}
	if r.answer(first) {
		t.Error("a late answer replaces a newer one")
	}
}

func TestPeriod(t *testing.T) {
	now := noon
	for _, tt := range []struct {
		name        string
		p           period
		since, long time.Duration // before now; 0 = from the beginning
		every       time.Duration
	}{
		{"AQuarterOfAnHour", period{span: 15 * time.Minute}, 15 * time.Minute, 15 * time.Minute, 5 * time.Second},
		{"AnHour", period{span: time.Hour}, time.Hour, time.Hour, 10 * time.Second},
		{"AMonth", period{span: 30 * 24 * time.Hour}, 30 * 24 * time.Hour, 30 * 24 * time.Hour, time.Minute},
		{"Picked", between(now.Add(-time.Hour), now.Add(-time.Minute), now), time.Hour, 59 * time.Minute, time.Minute},
		{"PickedBeyondNow", between(now.Add(-time.Hour), now.Add(time.Hour), now), time.Hour, time.Hour, time.Minute},
		{"PickedTooShort", between(now.Add(-time.Second), now, now), leastZoom, leastZoom, time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := tt.p.query(now)
			if now.Sub(q.Since) != tt.since || q.Until.Sub(q.Since) != tt.long {
				t.Errorf("reads %v to %v before now", now.Sub(q.Since), now.Sub(q.Until))
			}
			if tt.p.follows() && tt.p.every() != tt.every {
				t.Errorf("read again each %v", tt.p.every())
			}
		})
	}
	if q := (period{}).query(now); !q.Since.IsZero() || q.Until != now {
		t.Errorf("all is %v", q)
	}
}

func TestColumnsOf_HaveAGapWhereNothingWasSampled(t *testing.T) {
	at := func(minute int) app.Point {
		return app.Point{At: noon.Add(time.Duration(minute) * time.Minute), Seconds: 60, TokensOut: 1}
	}
	c := columnsOf(app.Points{Step: time.Minute, Points: []app.Point{at(0), at(1), at(5), at(6)}})
	var gaps []int
	for i, v := range c.out {
		if math.IsNaN(v) {
			gaps = append(gaps, i)
		}
	}
	if !slices.Equal(gaps, []int{2}) || !slices.IsSorted(c.x) || len(c.x) != 5 {
		t.Errorf("gaps at %v of %v", gaps, c.x)
	}
	if c.x[0] != chart.Unix(noon.Add(30*time.Second)) {
		t.Error("a point does not stand in the middle of its span")
	}
}

func TestMarks(t *testing.T) {
	test.NewTempApp(t)
	fyne.CurrentApp().Settings().SetTheme(NewTheme("dark"))
	old, limit := int64(4), int64(6)
	events := []app.Event{
		{At: noon.Add(59 * time.Minute), Kind: "limit", Model: "qwen3:latest", OldLimit: &old, NewLimit: &limit, Reason: "tokens rise"},
		{At: noon.Add(10*time.Minute + 2*time.Second), Kind: "engine", Engine: "ollama", Reason: "back after 2 s"},
		{At: noon.Add(10 * time.Minute), Kind: "engine", Engine: "ollama", Reason: "lost"},
		{At: noon.Add(-time.Minute), Kind: "load"},
	}
	var got []string
	for _, m := range marks(events, noon, noon.Add(time.Hour), 600) {
		got = append(got, m.Label)
	}
	want := []string{"Engine ollama: back after 2 s (and 1 more)", "Limit 4 to 6 · qwen3: tokens rise"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	long := app.Event{Kind: "memory", Reason: strings.Repeat("é", 200)}
	if n := len([]rune(eventWords(long))); n != markWords {
		t.Errorf("a long reason has %d letters", n)
	}
}

func TestHistory_TableSortsFiltersAndTurnsPages(t *testing.T) {
	w, fake, _ := openPast(t, pastDay(), remember, "dark", 1280, 800)
	r := w.history.records
	first := func() string { fake.settled(t, w); return r.table.rows[0].cells[0] }
	if r.count.value != "1 to 20 of 60" || first() != "12:00:00" {
		t.Errorf("begins with %q, %q", r.count.value, first())
	}
	test.Tap(r.later)
	if first(); r.count.value != "21 to 40 of 60" {
		t.Errorf("the next page is %q", r.count.value)
	}
	press(r.table, fyne.KeyPageDown)
	if first(); r.count.value != "41 to 60 of 60" || !r.later.off {
		t.Errorf("the last page is %q", r.count.value)
	}
	press(r.table, fyne.KeyPageDown)
	if first(); r.count.value != "41 to 60 of 60" {
		t.Error("there is a page behind the last")
	}
	took := slices.IndexFunc(r.table.columns, func(c tableColumn) bool { return c.sort == "total_ms" })
	x := r.table.heads[took].Position().X + 10
	test.TapAt(r.table, fyne.NewPos(x, 10))
	if first(); r.requests[0].TotalMS < r.requests[1].TotalMS || r.offset != 0 {
		t.Errorf("a click on the head does not sort: %q", r.table.rows[0].cells)
	}
	test.TapAt(r.table, fyne.NewPos(x, 10))
	if first(); r.requests[0].TotalMS > r.requests[1].TotalMS {
		t.Error("a second click does not turn the order")
	}
	press(r.table, fyne.KeySpace)
	if first(); r.requests[0].TotalMS < r.requests[1].TotalMS {
		t.Error("the space key does not turn the order")
	}
	press(r.table, fyne.KeyLeft)
	if r.table.sort != "first_token_ms" {
		t.Errorf("the left key sorts by %q", r.table.sort)
	}
	r.apps.SetSelected("n8n")
	if first(); r.count.value != "12 requests" || r.requests[0].App != "n8n" {
		t.Errorf("n8n has %q", r.count.value)
	}
	r.outcomes.SetSelected("rejected")
	fake.settled(t, w)
	if len(r.table.rows) != 0 || !strings.Contains(r.table.note.value, "Clear the filters") {
		t.Errorf("%d rows are like that: %q", len(r.table.rows), r.table.note.value)
	}
	test.Tap(r.clear)
	if first(); r.count.value != "1 to 20 of 60" || r.apps.Selected != "App" || r.clear.Visible() {
		t.Errorf("after that: %q of %q", r.count.value, r.apps.Selected)
	}
}

func TestHistory_KeysOpenARequestItsBatchAndBack(t *testing.T) {
	w, fake, fw := openPast(t, pastDay(), remember, "dark", 900, 600)
	p := w.history
	fw.Canvas().Focus(p.records.table)
	press(p.records.table, fyne.KeyDown, fyne.KeyDown, fyne.KeyDown, fyne.KeyUp, fyne.KeyEnter)
	if p.inspector == nil || p.inspector.title.value != "Request of VS Code · Continue" {
		t.Fatal("Enter does not open the second row")
	}
	test.Tap(p.inspector.follow)
	fake.eventually(t, "its batch is open", func() bool {
		return p.inspector != nil && p.inspector.title.value == "Batch 753" && p.inspector.table != nil
	})
	if got := p.inspector.head.value; got != "Its 3 requests" {
		t.Errorf("it has %q", got)
	}
	fw.Canvas().Focus(p.inspector.table)
	press(p.inspector.table, fyne.KeyEnd, fyne.KeyEnter)
	if p.inspector == nil || !strings.HasPrefix(p.inspector.title.value, "Request of") {
		t.Fatal("its last request does not open")
	}
	press(fw.Canvas().Focused(), fyne.KeyEscape)
	if p.inspector != nil || fw.Canvas().Overlays().Top() != nil {
		t.Error("the escape key does not close it")
	}
	press(p.records.kinds, fyne.KeyRight)
	fake.settled(t, w)
	test.TapAt(p.records.table, fyne.NewPos(50, headHeight+tableLine/2))
	if p.inspector == nil || p.inspector.title.value != "Batch 753" {
		t.Error("a click does not open a batch")
	}
}

func TestHistory_TabReachesEveryControlAndShowsTheTable(t *testing.T) {
	w, fake, fw := openPast(t, pastDay(), remember, "dark", 900, 600)
	fake.settled(t, w)
	p, r := w.history, w.history.records
	want := []fyne.Focusable{p.picker, p.export, p.charts.tokens, p.charts.requests, p.charts.first, p.charts.memory,
		r.kinds, r.apps, r.models, r.engines, r.outcomes, r.table, r.later}
	fw.Canvas().Focus(w.batching)
	for fw.Canvas().Focused() != want[0] {
		fw.Canvas().FocusNext()
	}
	for i, control := range want {
		if got := fw.Canvas().Focused(); got != control && !(control == fyne.Focusable(r.later) && got == fyne.Focusable(r.earlier)) {
			t.Fatalf("tab %d reaches %T, want %T", i, got, control)
		}
		if control == fyne.Focusable(r.table) {
			press(r.table, fyne.KeyEnd)
			y := fyne.CurrentApp().Driver().AbsolutePositionForObject(r.table).Y + headHeight + float32(r.table.index())*tableLine
			if y < 0 || y+tableLine > 600 {
				t.Errorf("the row that is chosen is out of sight at %v", y)
			}
		}
		fw.Canvas().FocusNext()
	}
}

func TestHistory_ABatchThatIsGoneIsSaidSo(t *testing.T) {
	w, fake, _ := openPast(t, pastDay(), remember, "dark", 1280, 800)
	fake.batches = nil
	w.history.open(0)
	test.Tap(w.history.inspector.follow)
	fake.eventually(t, "it is told", func() bool {
		return w.frame.strip.body.value == "The batch has not ended yet, or is not kept any more."
	})
}

func TestHistory_ExportsWhatIsShown(t *testing.T) {
	w, fake, fw := openPast(t, pastDay(), remember, "dark", 1280, 800)
	fw.Canvas().Focus(w.history.export)
	press(w.history.export, fyne.KeySpace)
	e := w.history.exporter
	if fw.Canvas().Focused() != e.folder || e.folder.Text == "" {
		t.Fatalf("the folder is %q", e.folder.Text)
	}
	e.folder.SetText("/tmp/somewhere")
	press(e.format, fyne.KeyRight)
	press(e.folder, fyne.KeyReturn)
	fake.eventually(t, "the files are named", func() bool { return e.told.value == "Written: requests.json." })
	if did := fake.did(); !slices.Equal(did, []string{"export json to /tmp/somewhere"}) {
		t.Errorf("did %v", did)
	}
	fake.mu.Lock()
	fake.fail = errors.New("export: /tmp/somewhere is no folder: choose another")
	fake.mu.Unlock()
	test.Tap(e.write)
	fake.eventually(t, "it is said why not", func() bool {
		return e.told.value == "Not exported: Export: /tmp/somewhere is no folder: choose another." && !e.write.off
	})
	press(e.write, fyne.KeyEscape)
	if w.history.exporter != nil {
		t.Error("the escape key does not close it")
	}
	press(w.history.export, fyne.KeySpace)
	press(w.history.exporter.folder, fyne.KeyEscape)
	if w.history.exporter != nil {
		t.Error("nor does it where the folder is typed")
	}
}

func TestHistory_SaysWhyThereIsNothing(t *testing.T) {
	off, paused := pastDay(), pastDay()
	off.Config.History.Enabled = false
	paused.History.OK, paused.History.Problem = false, "history paused: the disk is full"
	for _, tt := range []struct {
		name     string
		snapshot app.Snapshot
		fail     error
		want     []string
	}{
		{"Nothing", pastDay(), nil, []string{"Nothing was sampled in this time", "No request ended in this time"}},
		{"Off", off, nil, []string{"The history is off", "history.enabled"}},
		{"Paused", paused, nil, []string{"History paused: the disk is full."}},
		{"Broken", pastDay(), errors.New("read points: the file is locked"), []string{"Not read: Read points: the file is locked."}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, _, _ := openPast(t, tt.snapshot, func(f *fakeCarpool) { f.fail = tt.fail }, "dark", 1280, 800)
			said := w.history.past.empty + w.history.records.table.note.value + w.frame.header.basis.value
			for _, want := range tt.want {
				if !strings.Contains(said, want) {
					t.Errorf("no %q in %q", want, said)
				}
			}
		})
	}
}

func TestColumnWidths_LeaveOutWhatMattersLeast(t *testing.T) {
	columns := []tableColumn{{width: 100}, {grows: true}, {width: 60, rank: 1}, {width: 60, rank: 2}, {grows: true}}
	for _, tt := range []struct {
		width float32
		want  []float32
	}{
		{600, []float32{100, 162, 60, 60, 162}},
		{460, []float32{100, 129, 60, 0, 129}},
		{370, []float32{100, 121, 0, 0, 121}},
		{200, []float32{100, leastGrown, 0, 0, leastGrown}},
	} {
		if got := columnWidths(columns, tt.width); !slices.Equal(got, tt.want) {
			t.Errorf("%.0f: got %v, want %v", tt.width, got, tt.want)
		}
	}
}

// The pictures in testdata are the page as it should look: open them.
func TestHistory_Looks(t *testing.T) {
	zoomedOut := func(t *testing.T, w *Window, f *fakeCarpool, _ fyne.Window) {
		w.history.picker.choose(3)
		f.settled(t, w)
	}
	table := func(t *testing.T, w *Window, f *fakeCarpool, fw fyne.Window) {
		fw.Canvas().Focus(w.history.records.table)
		press(w.history.records.table, fyne.KeyDown, fyne.KeyDown, fyne.KeyDown)
		f.settled(t, w)
	}
	batches := func(t *testing.T, w *Window, f *fakeCarpool, fw fyne.Window) {
		press(w.history.records.kinds, fyne.KeyRight)
		f.settled(t, w)
		table(t, w, f, fw)
	}
	request := func(t *testing.T, w *Window, f *fakeCarpool, fw fyne.Window) {
		f.settled(t, w)
		w.history.open(5)
	}
	batch := func(t *testing.T, w *Window, f *fakeCarpool, fw fyne.Window) {
		press(w.history.records.kinds, fyne.KeyRight)
		f.settled(t, w)
		w.history.open(1)
		f.eventually(t, "its requests are listed", func() bool { return w.history.inspector.table != nil })
	}
	hover := func(t *testing.T, w *Window, f *fakeCarpool, fw fyne.Window) {
		f.settled(t, w)
		at := fyne.CurrentApp().Driver().AbsolutePositionForObject(w.history.charts.requests)
		area := w.history.charts.requests.Size()
		test.MoveMouse(fw.Canvas(), at.AddXY(area.Width*0.583, area.Height/2))
	}
	export := func(t *testing.T, w *Window, f *fakeCarpool, fw fyne.Window) {
		test.Tap(w.history.export)
		w.history.exporter.folder.SetText("/home/anna/Downloads")
		w.history.exporter.write.tap()
		f.eventually(t, "written", func() bool { return w.history.exporter.told.value != "" })
		w.canvas.Focus(w.history.exporter.write) // a cursor blinks
	}
	settle := func(t *testing.T, w *Window, f *fakeCarpool, _ fyne.Window) { f.settled(t, w) }
	nothing := func(*fakeCarpool) {}
	for _, tt := range []struct {
		scene         string
		theme         string
		width, height float32
		prepare       func(*fakeCarpool)
		act           func(*testing.T, *Window, *fakeCarpool, fyne.Window)
	}{
		{"hour", "dark", 1280, 800, remember, hover}, {"hour", "light", 1280, 800, remember, settle},
		{"hour", "dark", 900, 600, remember, settle}, {"day", "light", 900, 600, remember, zoomedOut},
		{"table", "dark", 1280, 800, remember, table}, {"table", "light", 900, 600, remember, table},
		{"batches", "light", 1280, 800, remember, batches}, {"batches", "dark", 900, 600, remember, batches},
		{"request", "dark", 1280, 800, remember, request}, {"request", "light", 900, 600, remember, request},
		{"batch", "light", 1280, 800, remember, batch}, {"batch", "dark", 900, 600, remember, batch},
		{"export", "dark", 1280, 800, remember, export},
		{"nothing", "dark", 1280, 800, nothing, settle}, {"nothing", "light", 900, 600, nothing, settle},
	} {
		name := fmt.Sprintf("history-%s-%s-%.0fx%.0f", tt.scene, tt.theme, tt.width, tt.height)
		t.Run(name, func(t *testing.T) {
			w, fake, fw := openPast(t, pastDay(), tt.prepare, tt.theme, tt.width, tt.height)
			tt.act(t, w, fake, fw)
			test.AssertImageMatches(t, name+".png", fw.Canvas().Capture())
		})
	}
}
