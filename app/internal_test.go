package app

import (
	"context"
	"net"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"carpool/app/config"
	"carpool/app/metrics"
	"carpool/app/tuner"
	"carpool/app/wedge"
	"carpool/app/yield"
	"carpool/backends"
	"carpool/backends/backendstest"
	"carpool/batching"
)

func TestSentence(t *testing.T) {
	for _, tt := range []struct {
		running, waiting int
		rate             float64
		serves           bool
		want             string
	}{
		{0, 0, 0, false, "No engine is running"},
		{0, 0, 12, true, "Ready, nothing is running"},
		{1, 0, 0.2, true, "1 running"},
		{3, 2, 61.4, true, "3 running, 2 waiting, 61 tokens per second"},
		{0, 2, 0, false, "0 running, 2 waiting"},
	} {
		totals := batching.Totals{InFlight: tt.running, QueueDepth: tt.waiting}
		if got := sentence(totals, tt.rate, yield.State{}, tt.serves); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestSentenceSaysForWhomCarpoolMakesWay(t *testing.T) {
	blender := yield.State{On: true, For: "blender", Reason: "blender uses 62 % of the GPU", Size: 1}
	given := yield.State{On: true, Manual: true, Reason: "GPU given away until 15:30"}
	for _, tt := range []struct {
		yield            yield.State
		running, waiting int
		serves           bool
		want             string
	}{
		{blender, 0, 0, true, "Making way for blender: one at a time"},
		{blender, 0, 0, false, "No engine is running"},
		{blender, 1, 2, true, "1 running, 2 waiting, 61 tokens per second; making way for blender: one at a time"},
		{yield.State{On: true, For: "a game", Size: 3}, 0, 0, true, "Making way for a game: 3 at a time"},
		{given, 0, 0, true, "GPU given away until 15:30"},
		{given, 0, 3, false, "GPU given away until 15:30, 3 waiting"},
		{given, 1, 3, true, "GPU given away until 15:30, 1 still running, 3 waiting"},
	} {
		rate := 61.0 * float64(min(tt.running, 1))
		if got := sentence(batching.Totals{InFlight: tt.running, QueueDepth: tt.waiting}, rate, tt.yield, tt.serves); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}

func TestHealthNamesNoProgram(t *testing.T) {
	for _, tt := range []struct {
		yield yield.State
		want  healthYield
	}{
		{yield.State{}, healthYield{}},
		{yield.State{On: true, For: "blender", Reason: "blender uses 62 % of the GPU"}, healthYield{On: true, Reason: "another program has taken the GPU"}},
		{yield.State{On: true, Manual: true, Reason: "GPU given away"}, healthYield{On: true, Manual: true, Reason: "GPU given away"}},
	} {
		if got := yieldHealth(tt.yield); got != tt.want {
			t.Errorf("got %+v, want %+v", got, tt.want)
		}
	}
}

func TestBasis(t *testing.T) {
	ollama := backends.Info{Name: "ollama", Label: "Ollama", Version: "0.17.4", Active: true, Health: backends.Up}
	for _, tt := range []struct {
		name, mode string
		told, seen int
		want       string
	}{
		{"Fixed", "fixed", 4, 0, "Ollama 0.17.4 · 4 slots · fixed at 8 · 127.0.0.1:11435"},
		{"SlotsThatWereSeen", "fixed", 0, 1, "Ollama 0.17.4 · 1 slot · fixed at 8 · 127.0.0.1:11435"},
		{"Adaptive", "adaptive", 0, 0, "Ollama 0.17.4 · adaptive at 8 · 127.0.0.1:11435"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := ollama
			e.Slots = tt.told
			s := Snapshot{Config: config.Default(), Engines: []backends.Info{e},
				Limits: batching.Limits{Size: 8, Reason: "fixed at 8"},
				Tuning: []tuner.State{{Key: batching.Key{Engine: "other"}, Slots: 9}, {Key: batching.Key{Engine: "ollama"}, Slots: tt.seen}}}
			s.Config.Batching.Mode = tt.mode
			if got := basis(s, "127.0.0.1:11435"); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestLiveRateIsTheMeanOfTheLastSeconds(t *testing.T) {
	var l live
	now := time.Now()
	rates := []float64{}
	for second, total := range []uint64{0, 10, 20, 30, 40, 50, 50, 50, 50, 50, 50, 50} {
		out, in := l.rates(now.Add(time.Duration(second)*time.Second), total, 3*total)
		rates = append(rates, out)
		if in != 3*out {
			t.Errorf("second %d: %v written and %v read", second, out, in)
		}
	}
	if rates[0] != 0 || rates[1] != 10 || rates[5] != 10 || rates[8] != 4 || rates[11] != 0 {
		t.Errorf("%v", rates)
	}
}

func TestMeasuredModelsJoinsWhatIsKnownWithHowBusyItIs(t *testing.T) {
	tiny, large := batching.Key{Engine: "ollama", Model: "tiny"}, batching.Key{Engine: "ollama", Model: "large"}
	got := measuredModels([]tuner.State{{Key: tiny, Limit: 4, Slots: 2, TokenBudget: 99}},
		[]batching.Load{{Key: large, Waiting: 1}, {Key: tiny, Waiting: 7, InFlight: 4}}, 8)
	want := []metrics.Model{
		{Engine: "ollama", Name: "tiny", Limit: 4, Slots: 2, TokenBudget: 99, Waiting: 7, InFlight: 4},
		{Engine: "ollama", Name: "large", Limit: 8, Waiting: 1},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestHealthModelsTellHowLongStill(t *testing.T) {
	key := batching.Key{Engine: "ollama", Model: "tiny"}
	got := healthModels(Snapshot{
		Tuning: []tuner.State{{Key: key, Limit: 1, Slots: 1, SlotsBy: "engine wait", Reason: "why", Advice: "what to do"}},
		Queues: []batching.QueueState{
			{Key: batching.Key{Engine: "ollama", Model: "other"}, Depth: 9},
			{Key: key, Running: make([]batching.Running, 1), Depth: 3,
				Waiting: []batching.Waiting{{Expected: 2 * time.Second}, {Expected: 5 * time.Second}, {}}},
		},
	})
	want := []healthModel{{Engine: "ollama", Model: "tiny", Limit: 1, Slots: 1, SlotsBy: "engine wait",
		Running: 1, Waiting: 3, ExpectedWait: 5, Why: "why", Advice: "what to do"}}
	if !slices.Equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// nobody hears of requests and does nothing.
type nobody struct{}

func (nobody) Released(time.Time, batching.Request) batching.Stream { return nobody{} }
func (nobody) Tokens(time.Time, int)                                {}
func (nobody) Ended(time.Time, batching.Outcome, batching.Report)   {}

func TestLoadsCountsOneThatManyWaitedForOnce(t *testing.T) {
	counted := map[string]int{}
	l := newLoads(nobody{}, func(k batching.Key, _ time.Duration) { counted[k.Model]++ })
	now := time.Now()
	run := func(model string, at, load time.Duration) {
		s := l.Released(now.Add(at), batching.Request{Key: batching.Key{Engine: "ollama", Model: model}})
		s.Ended(now.Add(at+load+time.Second), batching.Served, batching.Report{Load: load})
	}
	run("tiny", 0, 6*time.Second)
	run("tiny", time.Second, 5*time.Second)
	run("tiny", 5*time.Second, time.Second)
	run("tiny", 7*time.Second, 20*time.Millisecond)
	run("large", time.Second, 9*time.Second)
	run("tiny", 20*time.Second, 6*time.Second)
	if counted["tiny"] != 2 || counted["large"] != 1 {
		t.Errorf("counted %v", counted)
	}
}

func TestLiveKeepsTenMinutes(t *testing.T) {
	var l live
	for i := range liveSamples + 5 {
		l.add(Sample{Running: i})
	}
	all := l.all()
	if len(all) != liveSamples || all[0].Running != 5 {
		t.Errorf("%d samples from %d", len(all), all[0].Running)
	}
}

func TestPercentile(t *testing.T) {
	if percentile(nil, 0.5) != nil {
		t.Error("no values have a percentile")
	}
	values := []float64{5, 1, 4, 2, 3}
	for p, want := range map[float64]float64{0.5: 3, 0.95: 5, 0.2: 1, 1: 5} {
		if got := *percentile(values, p); got != want {
			t.Errorf("p%v = %v, want %v", 100*p, got, want)
		}
	}
}

func TestAPortOfOurChoiceIsFreeOnBothAddresses(t *testing.T) {
	var lc net.ListenConfig
	for _, tt := range []struct {
		addr  string
		taken int // how often the port is another's on [::1]
		fails bool
	}{
		{"127.0.0.1:0", 3, false},
		{"127.0.0.1:0", 1000, true},
		{"127.0.0.1:" + strconv.Itoa(backendstest.FreePort(t)), 1, true},
	} {
		taken := tt.taken
		all, err := listenBy(t.Context(), tt.addr, func(ctx context.Context, network, address string) (net.Listener, error) {
			if network == "tcp6" && taken > 0 {
				taken--
				return nil, syscall.EADDRINUSE
			}
			return lc.Listen(ctx, network, address)
		})
		if (err != nil) != tt.fails || err != nil && !strings.Contains(err.Error(), "taken by another program") {
			t.Errorf("%s, taken %d times: %v", tt.addr, tt.taken, err)
		}
		for _, l := range all {
			_ = l.Close()
		}
	}
}

func TestWatchersKeepTheLatest(t *testing.T) {
	var w watchers
	c := w.add(Snapshot{PID: 1}, false)
	w.publish(Snapshot{PID: 2})
	w.publish(Snapshot{PID: 3})
	if got := (<-c).PID; got != 3 {
		t.Errorf("a slow reader got %d, want the latest", got)
	}
	w.close()
	if _, open := <-c; open {
		t.Error("the channel is open after the end")
	}
	if late := w.add(Snapshot{PID: 4}, true); (<-late).PID != 4 {
		t.Error("a late reader got nothing")
	}
}

func TestWatchersAskForNoMoreThanIsWanted(t *testing.T) {
	var w watchers
	expect := func(wantAny, wantWhole bool) {
		t.Helper()
		if any, whole := w.watched(); any != wantAny || whole != wantWhole {
			t.Errorf("watched %t, the whole %t, want %t and %t", any, whole, wantAny, wantWhole)
		}
	}
	expect(false, false)
	brief := w.add(Snapshot{}, false)
	expect(true, false)
	whole := w.add(Snapshot{}, true)
	expect(true, true)
	w.remove(whole)
	expect(true, false)
	w.remove(brief)
	expect(false, false)
}

// TestHealerTellsOnlyChanges: the gateway looks at every call that is there when it is told.
func TestHealerTellsOnlyChanges(t *testing.T) {
	var told []int
	h := newHealer(healParts{wedged: func(all map[batching.Key]bool) { told = append(told, len(all)) },
		changed: func(batching.Key, string) {}})
	sick := map[batching.Key]illness{{Model: "m"}: {Verdict: wedge.Verdict{Wedged: true}}}
	for _, found := range []map[batching.Key]illness{nil, nil, sick, sick, {}, {}, sick} {
		h.note(found)
	}
	if want := []int{1, 0, 1}; !slices.Equal(told, want) {
		t.Errorf("told of %v, want %v", told, want)
	}
}

func TestFileChangedReadsTheFileThatIsThereNow(t *testing.T) {
	dir := t.TempDir()
	a, err := Open(t.Context(), Options{ConfigFile: dir + "/carpool.toml", StateDir: dir + "/state", Listen: "127.0.0.1:0", Engine: "demo"})
	if err != nil {
		t.Fatal(err)
	}
	old := a.saved
	if err := a.Set(t.Context(), "adaptive.start", "3"); err != nil {
		t.Error(err)
	}
	a.fileChanged(old, nil) // what a watcher saw before the Set
	if got := a.Snapshot().Limits.Size; got != 3 {
		t.Errorf("size %d: an outdated event undid a change", got)
	}
	a.Quit()
	if err := a.Run(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestWatchState(t *testing.T) {
	dir := t.TempDir()
	a, err := Open(t.Context(), Options{ConfigFile: dir + "/carpool.toml", StateDir: dir + "/state", Listen: "127.0.0.1:0", Engine: "demo"})
	if err != nil {
		t.Fatal(err)
	}
	s := <-a.WatchState(t.Context())
	if s.Queues != nil || s.Live != nil {
		t.Error("what nobody asked for was copied")
	}
	if whole := a.Snapshot(); s.Endpoint != whole.Endpoint || s.Basis != whole.Basis || whole.Queues == nil {
		t.Errorf("%+v", s)
	}
	a.Quit()
	if err := a.Run(t.Context()); err != nil {
		t.Error(err)
	}
}
