package gateway

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"carpool/batching"
)

// visit is a use in a script: at is when it was sent, in seconds, and it takes one
// second beside the load.
type visit struct {
	at     float64
	app    string
	model  string // "" = llama
	num    int    // num_ctx; 0 = the model's own
	more   func(*use)
	load   float64 // seconds; 0 = not told
	unload bool
	want   string // "CAUSE PARAMETER FROM TO APP BLAME"; "" = no reload
}

var epoch0 = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func (v visit) use() use {
	u := use{Key: batching.Key{Engine: "ollama", Model: "llama:latest"}, epoch: 1, app: v.app, load: seconds(v.load)}
	if v.model != "" {
		u.Model = v.model
	}
	if v.num != 0 {
		u.runner[numCtx] = wish{given: true, n: int64(v.num)}
	}
	u.began = epoch0.Add(seconds(v.at))
	u.ended = u.began.Add(u.load + time.Second)
	if v.more != nil {
		v.more(&u)
	}
	return u
}

func keeps(d time.Duration) func(*use) { return func(u *use) { u.keep = keepAlive{true, d} } }

// chooses sets an option by its name.
func chooses(name string, n int64) func(*use) {
	return func(u *use) { u.runner[runnerOption([]byte(name))] = wish{given: true, n: n} }
}

func mute(u *use) { u.mute = true }

func TestDetective(t *testing.T) {
	const told = 0.01 // the engine tells that it had nothing to load
	later := func(u *use) { u.epoch = 2 }
	guessed := func(u *use) { u.guessed = true }
	for name, script := range map[string][]visit{
		"AFirstLoadIsNoReload": {
			{app: "Chat", num: 4096, load: 6},
			{at: 10, app: "Chat", num: 4096, load: told},
		},
		"AnotherSizeOfContext": {
			{app: "Chat", num: 4096, load: 6},
			{at: 10, app: "Editor", num: 8192, load: 6.2, want: "options num_ctx 4096 8192 Editor Chat"},
			{at: 20, app: "Chat", num: 4096, load: 6, want: "options num_ctx 8192 4096 Chat Editor"},
			{at: 30, app: "Other", num: 4096, load: told},
			{at: 40, app: "Editor", num: 8192, load: 6, want: "options num_ctx 4096 8192 Editor Chat"},
		},
		"OneAppWithTwoSizes": {
			{app: "Chat", num: 4096, load: 6},
			{at: 10, app: "Chat", load: 6, want: "options num_ctx 4096 default Chat Chat"},
		},
		"AnotherThreadCount": {
			{app: "Chat", load: 6},
			{at: 10, app: "Bot", more: chooses("num_thread", 2), load: 6, want: "options num_thread default 2 Bot Chat"},
		},
		"NoMemoryMap": {
			{app: "Chat", load: 6, more: chooses("use_mmap", 1)},
			{at: 10, app: "Bot", more: chooses("use_mmap", 0), load: 6, want: "options use_mmap true false Bot Chat"},
		},
		"AnyNumberOfLayersDoesForOneWhoDoesNotSay": {
			{app: "Chat", more: chooses("num_gpu", 10), load: 6},
			{at: 10, app: "Bot", load: 6, want: "unknown    Bot "},
			{at: 20, app: "Chat", more: chooses("num_gpu", 10), load: 6, want: "options num_gpu default 10 Chat Bot"},
		},
		"TheModelsOwnIsLearned": {
			{app: "Chat", num: 4096, load: 6},
			{at: 10, app: "Bot", load: told},
			{at: 20, app: "Editor", num: 8192, load: 6, want: "options num_ctx 4096 8192 Editor Chat"},
			{at: 30, app: "Bot", load: 6, want: "options num_ctx 8192 4096 Bot Editor"},
			{at: 40, app: "Chat", num: 4096, load: 6, want: "unknown    Chat "},
		},
		"WhatCannotTellTimesIsBelievedToHaveLoaded": {
			{app: "Chat", num: 4096, load: 6},
			{at: 10, app: "Agent", more: mute},
			{at: 20, app: "Chat", num: 4096, load: 6, want: "options num_ctx default 4096 Chat Agent"},
		},
		"UnlessItTurnsOutToAskForTheSame": {
			{app: "Chat", num: 4096, load: 6},
			{at: 10, app: "Agent", more: mute},
			{at: 20, app: "Chat", num: 4096, load: told},
			{at: 30, app: "Agent", more: mute},
			{at: 40, app: "Editor", num: 8192, load: 6, want: "options num_ctx 4096 8192 Editor Agent"},
		},
		"OneLoadForSeveralIsOneReload": {
			{app: "Chat", num: 4096, load: 6},
			{at: 10, app: "Editor", num: 8192, load: 6, want: "options num_ctx 4096 8192 Editor Chat"},
			{at: 12, app: "Notes", num: 8192, load: 4},
			{at: 15, app: "Notes", num: 8192, load: 1},
		},
		"Unloaded": {
			{app: "Chat", load: 6},
			{at: 10, app: "Backup", unload: true},
			{at: 11, app: "Chat", load: 6, want: "keep_alive keep_alive 0  Chat Backup"},
			{at: 30, app: "Chat", load: told},
		},
		"AnAnswerThatUnloads": {
			{app: "Chat", more: keeps(0), load: 6},
			{at: 10, app: "Editor", num: 8192, load: 6, want: "keep_alive keep_alive 0  Editor Chat"},
		},
		"ItsTimeWasOver": {
			{app: "Chat", more: keeps(30 * time.Second), load: 6},
			{at: 60, app: "Editor", load: 6, want: "keep_alive keep_alive 30s  Editor Chat"},
			{at: 200, app: "Editor", load: 6, want: "unknown    Editor "},
		},
		"ALaterRequestProlongsIt": {
			{app: "Chat", more: keeps(30 * time.Second), load: 6},
			{at: 10, app: "Editor", more: keeps(time.Hour), load: told},
			{at: 600, app: "Chat", num: 2048, load: 6, want: "options num_ctx default 2048 Chat Chat"},
		},
		"TheEnginesOwnTimeWasOver": {
			{app: "Chat", load: 6},
			{at: 400, app: "Editor", num: 8192, load: 6, want: "keep_alive keep_alive default  Editor "},
		},
		"AnEngineThatKeepsModelsLonger": {
			{app: "Chat", load: 6},
			{at: 1000, app: "Chat", load: told},
			{at: 1500, app: "Editor", num: 8192, load: 6, want: "options num_ctx default 8192 Editor Chat"},
		},
		"AnotherModelTookItsPlace": {
			{app: "Chat", load: 6},
			{at: 10, app: "Bot", model: "qwen", load: 6},
			{at: 20, app: "Chat", load: 6, want: "eviction    Chat Bot"},
		},
		"NotOneThatWasThereBefore": {
			{app: "Bot", model: "qwen", load: 6},
			{at: 10, app: "Chat", load: 6},
			{at: 20, app: "Bot", model: "qwen", load: told},
			{at: 30, app: "Chat", load: 6, want: "unknown    Chat "},
		},
		"TheEngineCameUpAgain": {
			{app: "Chat", num: 4096, load: 6},
			{at: 10, app: "Editor", num: 8192, more: later, load: 6, want: "restart    Editor "},
			{at: 20, app: "Old", num: 4096, load: 6},
			{at: 30, app: "Editor", num: 8192, more: later, load: told},
		},
		"ItCameUpAgainUnnoticed": {
			{app: "Chat", num: 4096, load: 6},
			{at: 10, app: "Editor", num: 8192, more: later, load: told},
			{at: 20, app: "Chat", num: 4096, more: later, load: 6, want: "options num_ctx 8192 4096 Chat Editor"},
		},
		"AShortHoldUpIsNone": {
			{app: "Chat", load: 6},
			{at: 10, app: "Chat", load: 0.2},
			{at: 20, app: "Editor", num: 8192, load: 0.2, want: "options num_ctx default 8192 Editor Chat"},
		},
		"ACallThatOnlyLoads": {
			{app: "Chat", load: 6},
			{at: 10, app: "Chat", more: guessed, load: 6},
			{at: 20, app: "Editor", num: 8192, more: guessed, load: 6, want: "options num_ctx default 8192 Editor Chat"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var d detective
			for i, v := range script {
				u := v.use()
				if v.unload {
					d.unloaded(u.Key, u.app, u.began)
					continue
				}
				r, ok := d.saw(u)
				got := ""
				if ok {
					got = fmt.Sprintf("%s %s %s %s %s %s", r.Cause, r.Parameter, r.From, r.To, r.App, r.Blame)
				}
				if got != v.want {
					t.Fatalf("%d: got %q, want %q", i, got, v.want)
				}
				if ok && (r.Text == "" || r.Took != u.load || !r.At.Equal(u.ended) || r.Model != u.Model) {
					t.Errorf("%d: %+v", i, r)
				}
			}
		})
	}
	t.Run("ForgetsTheModelUsedLeast", func(t *testing.T) {
		var d detective
		for i := range mostResidents + 1 {
			d.saw(visit{at: float64(i), app: "Chat", model: fmt.Sprint("m", i), load: 6}.use())
		}
		if _, known := d.residents[batching.Key{Engine: "ollama", Model: "m0"}]; known || len(d.residents) != mostResidents {
			t.Errorf("%d models, the first is there: %v", len(d.residents), known)
		}
	})
}

func TestReloadSays(t *testing.T) {
	for _, tt := range []struct {
		reload Reload
		want   string
	}{
		{Reload{Cause: ByOptions, Parameter: "num_ctx", From: "4096", To: "8192", App: "Editor", Blame: "Chat"},
			"Editor asked for num_ctx 8192 where Chat had 4096: llama3.2 was loaded again (6.2 s); give both the same, or set models.num_ctx"},
		{Reload{Cause: ByOptions, Parameter: "num_ctx", From: "default", To: "8192", App: "Chat", Blame: "Chat"},
			"Chat asked for num_ctx 8192 where it had the model's own before: llama3.2 was loaded again (6.2 s); give both the same, or set models.num_ctx"},
		{Reload{Cause: ByOptions, Parameter: "num_batch", From: "512", To: "default", App: "Editor", Blame: "Chat"},
			"Editor asked for num_batch the model's own where Chat had 512: llama3.2 was loaded again (6.2 s); give both the same"},
		{Reload{Cause: ByKeepAlive, Parameter: "keep_alive", From: "0", App: "Editor", Blame: "Chat"},
			"Chat had llama3.2 unloaded with keep_alive 0: llama3.2 was loaded again for Editor (6.2 s); give it a longer one"},
		{Reload{Cause: ByKeepAlive, Parameter: "keep_alive", From: "30s", App: "Editor", Blame: "Chat"},
			"Chat set keep_alive 30s and nobody asked for llama3.2 for 7m: llama3.2 was loaded again for Editor (6.2 s); give it a longer one"},
		{Reload{Cause: ByKeepAlive, Parameter: "keep_alive", From: "default", App: "Editor"},
			"nobody asked for llama3.2 for 7m, and no request set its keep_alive, which is 5m unless OLLAMA_KEEP_ALIVE says more: llama3.2 was loaded again for Editor (6.2 s)"},
		{Reload{Cause: ByEviction, App: "Editor", Blame: "Chat"},
			"qwen3, which Chat asked for, had taken its place: llama3.2 was loaded again for Editor (6.2 s)"},
		{Reload{Cause: ByRestart, App: "Editor"}, "the engine came up again: llama3.2 was loaded again for Editor (6.2 s)"},
		{Reload{Cause: Unexplained}, "llama3.2 was loaded again for an app (6.2 s), and nothing that came through Carpool explains it"},
	} {
		tt.reload.Model, tt.reload.Took = "llama3.2:latest", 6200*time.Millisecond
		if got := tt.reload.sentence("qwen3:latest", 7*time.Minute+300*time.Millisecond); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

func TestReloadAdvice(t *testing.T) {
	alternate := func(times int, more ...func(*use)) *detective {
		d := &detective{}
		d.saw(visit{app: "Chat", num: 4096, load: 6}.use())
		for i := range times {
			v := visit{at: float64(60 * (i + 1)), app: "Editor", num: 8192, load: 6}
			if i%2 == 1 {
				v.app, v.num = "Chat", 4096
			}
			u := v.use()
			for _, m := range more {
				m(&u)
			}
			if _, ok := d.saw(u); !ok {
				t.Fatalf("%+v is no reload", u)
			}
		}
		return d
	}
	after := func(d time.Duration) time.Time { return epoch0.Add(d) }
	one := func(t *testing.T, all []ReloadAdvice) ReloadAdvice {
		t.Helper()
		if len(all) != 1 {
			t.Fatalf("%d pieces of advice: %+v", len(all), all)
		}
		return all[0]
	}
	t.Run("NamesTheSettingAfterThree", func(t *testing.T) {
		if all := alternate(2).advice(after(5*time.Minute), nil); len(all) != 0 {
			t.Errorf("after two: %+v", all)
		}
		a := one(t, alternate(3).advice(after(5*time.Minute), nil))
		if a.Command != "carpool set models.num_ctx=llama=8192" || a.Times != 3 || a.Parameter != "num_ctx" ||
			strings.Join(a.Apps, ",") != "Chat,Editor" || a.Text != "llama was loaded again 3 times in an hour because Chat and Editor ask for different num_ctx" {
			t.Errorf("%+v", a)
		}
	})
	t.Run("KeepsWhatIsSetForOthers", func(t *testing.T) {
		a := one(t, alternate(3).advice(after(5*time.Minute), map[string]int{"zebra:7b": 0, "ant": 2048}))
		if a.Command != "carpool set models.num_ctx=ant=2048,llama=8192,zebra:7b=default" {
			t.Error(a.Command)
		}
	})
	t.Run("EndsWithTheHour", func(t *testing.T) {
		d := alternate(3)
		if all := d.advice(after(time.Hour+90*time.Second), nil); len(all) != 0 {
			t.Errorf("%+v", all)
		}
	})
	t.Run("EndsWhenItWasTaken", func(t *testing.T) {
		if all := alternate(3).advice(after(5*time.Minute), map[string]int{"llama": 8192}); len(all) != 0 {
			t.Errorf("%+v", all)
		}
	})
	t.Run("IsTheModelsOwnWhereARouteCannotAsk", func(t *testing.T) {
		d := &detective{}
		for i := range 3 {
			d.saw(visit{at: float64(60 * i), app: "Agent", more: mute}.use())
			d.saw(visit{at: float64(60*i + 30), app: "Chat", num: 8192, load: 6}.use())
		}
		for _, set := range []map[string]int{nil, {"llama": 8192}} {
			a := one(t, d.advice(after(5*time.Minute), set))
			if a.Command != "carpool set models.num_ctx=llama=default" || !strings.Contains(a.Text, "by a route that has none") {
				t.Errorf("%+v", a)
			}
		}
		if all := d.advice(after(5*time.Minute), map[string]int{"llama": 0}); len(all) != 0 {
			t.Errorf("%+v", all)
		}
	})
	t.Run("HasNoCommandForWhatOnlyAppsCanSet", func(t *testing.T) {
		d := &detective{}
		d.saw(visit{app: "Chat", load: 6}.use())
		for i := range 3 {
			at := float64(60 * (i + 1))
			d.unloaded(batching.Key{Engine: "ollama", Model: "llama:latest"}, "Backup", epoch0.Add(seconds(at-1)))
			d.saw(visit{at: at, app: "Chat", load: 6}.use())
		}
		a := one(t, d.advice(after(5*time.Minute), nil))
		if a.Command != "" || a.Text != "llama was loaded again 3 times in an hour because Backup sets keep_alive 0: set a longer one there" {
			t.Errorf("%+v", a)
		}
	})
	t.Run("ForgetsWhatIsOld", func(t *testing.T) {
		d := alternate(200)
		if n := len(d.recent); n > 62 {
			t.Errorf("%d reloads are remembered, of 60 in the last hour", n)
		}
	})
}
