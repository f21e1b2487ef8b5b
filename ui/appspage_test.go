package ui

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"

	"carpool/app"
)

// used is what some apps had of the GPU.
func used() []app.AppUse {
	value := func(v float64) *float64 { return &v }
	return []app.AppUse{
		{App: "batch-notes.py", Requests: 1840, Failed: 12, Cancelled: 3, PromptTokens: 2_412_000, OutputTokens: 512_300, Run: 71 * time.Minute,
			Wait: 4100 * time.Second, LongestWait: 94 * time.Second, FirstP50: value(1.1), FirstP95: value(6.4), Joules: value(642_000), Last: now.Add(-time.Minute)},
		{App: "Open WebUI", Requests: 212, PromptTokens: 301_200, OutputTokens: 98_750, Run: 22 * time.Minute,
			Wait: 84 * time.Second, LongestWait: 3200 * time.Millisecond, FirstP50: value(.31), FirstP95: value(.92), Joules: value(201_000), Last: now},
		{App: "VS Code · Continue", Requests: 906, Failed: 1, Cancelled: 240, PromptTokens: 1_104_000, OutputTokens: 61_020, Run: 12 * time.Minute,
			Wait: 45 * time.Second, LongestWait: 1400 * time.Millisecond, FirstP50: value(.08), FirstP95: value(.24), Joules: value(98_400), Last: now},
		{App: "Home Assistant", Requests: 44, PromptTokens: 61_400, OutputTokens: 2210, Run: 95 * time.Second,
			Wait: 440 * time.Millisecond, LongestWait: 60 * time.Millisecond, FirstP50: value(.2), FirstP95: value(.41), Joules: value(9100), Last: now},
		{App: "n8n, the one of the office", Requests: 3, Failed: 3, Run: 0, LongestWait: 0, Last: now.Add(-time.Hour)},
	}
}

// guides are how two apps are pointed here.
func guides() []app.ConnectGuide {
	guide := func(name string, steps ...string) app.ConnectGuide {
		g := app.ConnectGuide{App: name}
		for i := 0; i < len(steps); i += 2 {
			g.Steps = append(g.Steps, struct {
				Do   string `json:"do"`
				Copy string `json:"copy"`
			}{steps[i], steps[i+1]})
		}
		return g
	}
	all := []app.ConnectGuide{
		guide("Open WebUI", "In Admin Panel › Settings › Connections, set the Ollama API connection to this address.", "http://127.0.0.1:11435",
			"If it runs in Docker on Linux, start it on the host's network, since Carpool listens on this machine only. It is then at http://localhost:8080.",
			"docker run -d --name open-webui --network=host --restart always \\\n  -v open-webui:/app/backend/data -e OLLAMA_BASE_URL=http://127.0.0.1:11435 \\\n  ghcr.io/open-webui/open-webui:main"),
		guide("Continue", "Put this into ~/.continue/config.yaml.", "apiBase: http://127.0.0.1:11435"),
	}
	for _, name := range []string{"Cline", "Zed", "VS Code", "Obsidian", "n8n", "Home Assistant", "LangChain", "curl"} {
		all = append(all, guide(name, "Choose Ollama, and enter this address.", "http://127.0.0.1:11435"))
	}
	return all
}

// openApps shows the page Apps of a window that lives, with the scene read.
func openApps(t *testing.T, s app.Snapshot, uses []app.AppUse, theme string, width, height float32) (*Window, *fakeCarpool, fyne.Window) {
	t.Helper()
	w, fake, fw := open(t, s, theme, width, height)
	fake.uses, fake.guides = uses, guides()
	live(t, w)
	w.Open(pageApps)
	fake.eventually(t, "the history was read", func() bool { return w.apps.read })
	return w, fake, fw
}

// shared is a scene in which apps have shares that are not the usual ones.
func shared() app.Snapshot {
	s := busy()
	s.Config.Apps.Priorities = []string{"Home Assistant=urgent", "batch-notes.py=background"}
	s.Config.Apps.Weights = []string{"Open WebUI=2", "batch-notes.py=0.5"}
	return s
}

// column is what the lines show in a column.
func (p *appsPage) column(i int) []string {
	var all []string
	for _, r := range p.table.lines.made[:p.table.lines.shown] {
		all = append(all, r.figures[i].value)
	}
	return all
}

func TestApps_Looks(t *testing.T) {
	for _, tt := range []struct {
		name          string
		uses          []app.AppUse
		theme         string
		width, height float32
		price         string
	}{
		{"apps-dark-1280x800", used(), "dark", 1280, 800, ""},
		{"apps-light-1280x800", used(), "light", 1280, 800, "0.35 EUR"},
		{"apps-dark-900x600", used(), "dark", 900, 600, ""},
		{"apps-light-900x600", used(), "light", 900, 600, ""},
		{"apps-none-dark-1280x800", nil, "dark", 1280, 800, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := shared()
			s.Config.Energy.Price = tt.price
			_, _, fw := openApps(t, s, tt.uses, tt.theme, tt.width, tt.height)
			test.AssertImageMatches(t, tt.name+".png", fw.Canvas().Capture())
		})
	}
}

func TestApps_SortsByAClickOnAHead(t *testing.T) {
	w, _, fw := openApps(t, busy(), used(), "dark", 1280, 800)
	p := w.apps
	if got := p.column(0); got[0] != "batch-notes.py" || got[4] != "n8n, the one of the office" {
		t.Fatalf("at first the most GPU time is not first: %q", got)
	}
	test.Tap(p.table.heads[1])
	if got := p.column(1); !slices.Equal(got, []string{"1,840", "906", "212", "44", "3"}) {
		t.Errorf("by requests: %q", got)
	}
	test.Tap(p.table.heads[1])
	if got := p.column(1); got[0] != "3" {
		t.Errorf("a second click does not turn: %q", got)
	}
	fw.Canvas().Focus(p.table.heads[0])
	fw.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeyReturn})
	if got := p.column(0); got[0] != "batch-notes.py" || got[1] != "Home Assistant" {
		t.Errorf("by name: %q", got)
	}
}

func TestApps_SetsPriorityAndWeightOfOneApp(t *testing.T) {
	w, fake, fw := openApps(t, shared(), used(), "dark", 1280, 800)
	p := w.apps
	test.Tap(p.table.lines.made[1]) // Open WebUI
	if p.shareCard.title.value != "Open WebUI" || p.share.weight.value.value != "2" {
		t.Fatalf("the card shows %q with %q", p.shareCard.title.value, p.share.weight.value.value)
	}
	test.TapAt(p.share.priority, fyne.NewPos(10, 10))
	fake.eventually(t, "urgent", func() bool {
		return slices.Contains(fake.did(), "apps.priorities=Home Assistant=urgent, batch-notes.py=background, Open WebUI=urgent")
	})
	// No snapshot has that yet, and still the next app's change keeps it.
	fw.Canvas().Focus(p.table.lines.made[3]) // Home Assistant
	fw.Canvas().Focused().TypedKey(&fyne.KeyEvent{Name: fyne.KeySpace})
	p.share.priority.TypedKey(&fyne.KeyEvent{Name: fyne.KeyRight})
	fake.eventually(t, "normal, so not listed", func() bool {
		return slices.Contains(fake.did(), "apps.priorities=batch-notes.py=background, Open WebUI=urgent")
	})
	test.Tap(p.table.lines.made[0]) // batch-notes.py
	p.share.weight.slider.TypedKey(&fyne.KeyEvent{Name: fyne.KeyLeft})
	fake.eventually(t, "less weight in its place of the list", func() bool {
		return slices.Contains(fake.did(), "apps.weights=Open WebUI=2, batch-notes.py=0.3")
	})
	if got := p.table.lines.made[0].share.label.value; got != "background · ×0.3" {
		t.Errorf("its line says %q", got)
	}
}

func TestApps_SaysWhyAnAppCannotBeNamed(t *testing.T) {
	w, _, _ := openApps(t, busy(), used(), "dark", 1280, 800)
	test.Tap(w.apps.table.lines.made[4])
	if got := w.apps.share.note.value; !strings.Contains(got, "a comma") || w.apps.share.priority.Visible() {
		t.Errorf("it says %q", got)
	}
}

func TestApps_ReadsTheRangeThatIsChosenAndAgainAfterAWhile(t *testing.T) {
	w, fake, _ := open(t, busy(), "dark", 1280, 800)
	ranges := make(chan app.Range, 10)
	fake.asked = func(q app.Range) { ranges <- q }
	live(t, w)
	w.Open(pageApps)
	reads := func(want time.Time) {
		t.Helper()
		fake.eventually(t, "read", func() bool { return !w.apps.reading })
		if q := <-ranges; !q.Since.Equal(want) || !q.Until.IsZero() {
			t.Errorf("read %v, want since %v", q, want)
		}
	}
	reads(now.Add(-24 * time.Hour))
	test.TapAt(w.apps.picker, fyne.NewPos(10, 10))
	reads(now.Add(-15 * time.Minute))
	s := themed(busy())
	s.At = now.Add(usesEvery - time.Second)
	w.show(s)
	s.At = now.Add(usesEvery)
	w.show(s)
	reads(s.At.Add(-15 * time.Minute))
	w.apps.picker.choose(5)
	reads(time.Time{})
	if n := len(ranges); n != 0 {
		t.Errorf("read %d times more", n)
	}
}

func TestApps_DoesNotShowARangeThatWasLeft(t *testing.T) {
	w, fake, _ := open(t, busy(), "dark", 1280, 800)
	asked, answer := make(chan app.Range, 10), make(chan struct{})
	fake.asked = func(q app.Range) { asked <- q; <-answer }
	live(t, w)
	w.Open(pageApps)
	w.apps.picker.choose(0) // before the answer for the range before
	answer <- struct{}{}
	fake.eventually(t, "the answer is there", func() bool { return !w.apps.reading || len(asked) == 2 })
	if w.apps.read || len(asked) != 2 {
		t.Fatal("the answer for another range is shown")
	}
	answer <- struct{}{}
	fake.eventually(t, "the answer that is wanted is there", func() bool { return w.apps.read })
}

func TestApps_SaysWhyThereIsNothing(t *testing.T) {
	w, fake, _ := openApps(t, busy(), nil, "dark", 1280, 800)
	note := func() string { return w.apps.table.lines.note.value }
	if !strings.Contains(note(), "in the last 24 hours") || !strings.Contains(note(), "http://127.0.0.1:11435") {
		t.Errorf("without uses it says %q", note())
	}
	fake.fail = errors.New("open history: the disk is full")
	w.apps.picker.choose(0)
	fake.eventually(t, "the error is told", func() bool { return note() == "Open history: the disk is full." })
	fake.fail = nil
	s := themed(busy())
	s.At, s.Config.History.Enabled = now.Add(time.Minute), false
	w.show(s)
	fake.eventually(t, "that the history is off is told", func() bool { return strings.HasPrefix(note(), "The history is off") })
}

func TestApps_CopiesHowToConnect(t *testing.T) {
	w, _, _ := openApps(t, busy(), used(), "dark", 1280, 800)
	c := w.apps.connect
	clipboard := func() string { return fyne.CurrentApp().Clipboard().Content() }
	test.Tap(c.address.copy)
	if clipboard() != "http://127.0.0.1:11435" || c.address.copy.label.value != "Copied" {
		t.Errorf("copied %q", clipboard())
	}
	test.TapAt(c.apps, fyne.NewPos(10, 0.5*listLook.line))
	c.apps.TypedKey(&fyne.KeyEvent{Name: fyne.KeyDown}) // Continue
	test.Tap(c.page().commands[0].copy)
	if clipboard() != "apiBase: http://127.0.0.1:11435" {
		t.Errorf("copied %q", clipboard())
	}
	if c.address.copy.label.value != "Copy" {
		t.Error("two say that they were copied")
	}
}

func TestApps_TabReachesEveryControl(t *testing.T) {
	w, _, fw := openApps(t, busy(), used(), "dark", 900, 600)
	p := w.apps
	want := []fyne.Focusable{w.batching, p.picker}
	for _, h := range p.table.heads {
		if h.Visible() {
			want = append(want, h)
		}
	}
	for _, r := range p.table.lines.made {
		want = append(want, r)
	}
	want = append(want, p.share.priority, p.share.weight.slider, p.connect.address.copy, p.connect.apps, p.connect.page().commands[0].copy)
	for i, control := range want {
		fw.Canvas().FocusNext()
		if fw.Canvas().Focused() != control {
			t.Fatalf("tab %d reaches %T, want %T", i+1, fw.Canvas().Focused(), control)
		}
	}
	if p.scroll.Offset.Y == 0 {
		t.Error("what has the focus is out of sight")
	}
}

func TestApps_ShowsAllOfManyApps(t *testing.T) {
	var many []app.AppUse
	for i := range 30 {
		many = append(many, app.AppUse{App: fmt.Sprint("app ", i), Requests: 1, Run: time.Duration(30-i) * time.Second})
	}
	w, _, _ := openApps(t, busy(), many, "dark", 1280, 800)
	lines := w.apps.table.lines
	if lines.shown != maxRows {
		t.Fatalf("%d lines", lines.shown)
	}
	test.Tap(w.apps.aside.button)
	if lines.shown != 30 {
		t.Errorf("%d lines of all", lines.shown)
	}
}

func TestWithItem(t *testing.T) {
	for _, tt := range []struct {
		items      []string
		app, value string
		want       []string
	}{
		{nil, "a", "2", []string{"a=2"}},
		{[]string{"a=2", "b=3"}, "a", "4", []string{"a=4", "b=3"}},
		{[]string{"a=2", "b=3"}, "a", "", []string{"b=3"}},
		{[]string{"ab=2", "a=1", "c=3", "a=5"}, "a", "7", []string{"ab=2", "a=7", "c=3"}},
		{[]string{"b=3"}, "a", "", []string{"b=3"}},
	} {
		before := slices.Clone(tt.items)
		if got := withItem(tt.items, tt.app, tt.value); !slices.Equal(got, tt.want) {
			t.Errorf("%v with %s=%s is %v, want %v", tt.items, tt.app, tt.value, got, tt.want)
		}
		if !slices.Equal(tt.items, before) {
			t.Errorf("the list itself was changed from %v to %v", before, tt.items)
		}
	}
}

func TestUses_WritesFigures(t *testing.T) {
	for got, want := range map[string]string{
		span(0): "0 s", span(400 * time.Microsecond): "1 ms", span(999 * time.Millisecond): "999 ms", span(1400 * time.Millisecond): "1.4 s",
		span(12 * time.Second): "12 s", span(5 * time.Minute): "5 min", amount(9999): "9,999", amount(12_345): "12.3k", amount(4_500_000): "4.5M",
		long(150 * time.Minute): "2.5 h", long(99 * time.Second): "99 s", long(105 * time.Second): "1.8 min", long(12 * time.Minute): "12 min", money(.004, "EUR"): "< 0.01 EUR", wattHours(3600): "1 Wh", wattHours(5_400_000): "1.5 kWh",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestUses_NarrowTablesKeepWhatMatters(t *testing.T) {
	titles := func(width float32, currency string) string {
		var all []string
		for _, c := range fitted(useColumns(currency, .35), width) {
			all = append(all, c.title)
		}
		return strings.Join(all, ", ")
	}
	for _, tt := range []struct {
		width    float32
		currency string
		want     string
	}{
		{1000, "", "App, Requests, Failed, Tokens in, Tokens out, GPU time, Mean wait, Longest, First p95, Energy"},
		{1000, "EUR", "App, Requests, Failed, Tokens in, Tokens out, GPU time, Mean wait, Longest, First p95, Energy, Cost"},
		{660, "", "App, Requests, Failed, Tokens in, Tokens out, GPU time, Mean wait, First p95"},
		{100, "", "App, Requests, Tokens out, GPU time, Mean wait"},
	} {
		if got := titles(tt.width, tt.currency); got != tt.want {
			t.Errorf("at %v: %s, want %s", tt.width, got, tt.want)
		}
	}
}

func TestConnect_OtherGuidesEndWhatIsSaidOfACopy(t *testing.T) {
	test.NewTempApp(t)
	c := newConnect(func(fyne.CanvasObject) {}, func() {})
	test.Tap(c.address.copy)
	if got := c.address.copy.label.value; got != "Copied" {
		t.Fatalf("a copy says %q", got)
	}
	c.setGuides([]app.ConnectGuide{{App: "Zed"}})
	if got := c.address.copy.label.value; got != "Copy" {
		t.Errorf("for ever it says %q", got)
	}
}
