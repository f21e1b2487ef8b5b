package advice_test

import (
	"strings"
	"testing"
	"time"

	"carpool/app/advice"
	"carpool/app/config"
)

// calm is ten minutes of work in which nothing is amiss, in fixed mode.
func calm() advice.Facts {
	return advice.Facts{
		Mode: "fixed", SizeKey: "batching.max_batch_size", Size: 4, SizeMost: 8192,
		Wait: 50 * time.Millisecond, Target: 100 * time.Millisecond, Merging: true,
		Span: 10 * time.Minute, Busy: 600, Running: 3.2, Waiting: 0.4, Requests: 600, Batches: 500,
		Model: advice.Model{Engine: "ollama", Label: "Ollama", Name: "qwen3:8b", Limit: 4, Slots: 8, Hint: "set OLLAMA_NUM_PARALLEL"},
	}
}

func TestOf(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*advice.Facts)
		want   string // kind, title, text and what the button does; "" = no advice
	}{
		{"NothingWhereNothingIsAmiss", func(*advice.Facts) {}, ""},
		{"AnEngineThatRunsOneAtATime", func(f *advice.Facts) { f.Model.Slots, f.Model.Limit, f.Model.Fits, f.Waiting = 1, 4, 4, 3.2 },
			`slots | Ollama runs one request at a time | Over 10 minutes 3.2 requests waited on average, and no setting here lets more in. The GPU's memory carries 4 of qwen3:8b at once. | Show how ollama`},
		{"AnEngineWithFewerSlotsThanFit", func(f *advice.Facts) { f.Model.Slots, f.Model.Limit, f.Model.Fits, f.Waiting = 2, 0, 8, 12 },
			`slots | Ollama runs only 2 at once | Over 10 minutes 12 requests waited on average, and no setting here lets more in. The GPU's memory carries 8 of qwen3:8b at once. | Show how ollama`},
		{"NothingOfAnEngineThatIsFull", func(f *advice.Facts) { f.Model.Slots, f.Model.Fits, f.Waiting = 4, 4, 3.2 }, ""},
		{"NothingOnLittleEvidence", func(f *advice.Facts) {
			f.Busy, f.Requests, f.Waiting, f.Model.Slots = 59, 19, 40, 1
		}, ""},
		{"ADeepQueueThatSlotsAreFreeFor", func(f *advice.Facts) { f.Waiting = 12 },
			`queue | Queue is deep: 12 on average | Raise the size from 4 to 8: Ollama has 8 slots for qwen3:8b. | Apply 8 batching.max_batch_size=8`},
		{"ADeepQueueThatMemoryBounds", func(f *advice.Facts) { f.Waiting, f.Model.Slots, f.Model.Fits = 12, 0, 6 },
			`queue | Queue is deep: 12 on average | Raise the size from 4 to 6: the GPU's memory carries 6 of qwen3:8b at once. | Apply 6 batching.max_batch_size=6`},
		{"ADeepQueueThatNothingElseIsKnownOf", func(f *advice.Facts) { f.Waiting, f.Model.Slots = 12, 0 },
			`queue | Queue is deep: 12 on average | Raise the size from 4 to 8: it is not told how many the engine runs at once, so go step by step. | Apply 8 batching.max_batch_size=8`},
		{"ADeepQueueThatOnlyComputeHelps", func(f *advice.Facts) { f.Waiting, f.Model.Slots, f.Model.Hint = 25, 4, "" },
			`queue | Queue is deep: 25 on average | Ollama runs 4 at once, and so many do run. More needs compute: a second engine or GPU, or a smaller model. | nothing`},
		{"ADeepQueueThatAdaptiveBatchingHolds", func(f *advice.Facts) {
			f.Mode, f.SizeKey, f.Size, f.Waiting = "adaptive", "adaptive.max", 32, 25
		}, `queue | Queue is deep: 25 on average | Adaptive batching lets 4 of at most 32 in, as more at once would not be faster. More needs compute: a second engine or GPU, or a smaller model. | nothing`},
		{"ADeepQueueAtTheCeilingOfAdaptiveBatching", func(f *advice.Facts) {
			f.Mode, f.SizeKey, f.Waiting = "adaptive", "adaptive.max", 25
		}, `queue | Queue is deep: 25 on average | Raise the size from 4 to 8: Ollama has 8 slots for qwen3:8b. | Apply 8 adaptive.max=8`},
		{"ADeepQueueOfStreamsThatAreSlowAlready", func(f *advice.Facts) {
			f.Waiting, f.Mode, f.SizeKey = 25, "adaptive", "adaptive.max"
			f.Model.Paces = []advice.Pace{{Running: 4, Seconds: 90, Token: 180 * time.Millisecond}}
		}, `queue | Queue is deep: 25 on average | A token already takes 180 ms, and the target is 100 ms. More needs compute: a second engine or GPU, or a smaller model. | nothing`},
		{"NotAQueueOfTen", func(f *advice.Facts) { f.Waiting = 10 }, ""},
		{"SlowStreamsByWhatWasMeasured", func(f *advice.Facts) {
			f.Model.Paces = []advice.Pace{{1, 50, 50 * time.Millisecond}, {2, 40, 90 * time.Millisecond}, {3, 29, 95 * time.Millisecond}, {4, 120, 160 * time.Millisecond}}
		}, `slow | Streams are slow: 160 ms a token | That was measured with 4 at once over 120 s; the target is 100 ms. Lower the size: with 2 it was 90 ms. | Apply 2 batching.max_batch_size=2`},
		{"SlowStreamsByProportion", func(f *advice.Facts) { f.Model.Paces = []advice.Pace{{4, 120, 200 * time.Millisecond}} },
			`slow | Streams are slow: 200 ms a token | That was measured with 4 at once over 120 s; the target is 100 ms. Lower the size: streams speed up about as their number falls. | Apply 2 batching.max_batch_size=2`},
		{"NotSlowStreamsThatAdaptiveBatchingSees", func(f *advice.Facts) {
			f.Mode = "adaptive"
			f.Model.Paces = []advice.Pace{{4, 120, 200 * time.Millisecond}}
		}, ""},
		{"NotAStreamThatIsSlowAlone", func(f *advice.Facts) { f.Model.Paces = []advice.Pace{{1, 120, 400 * time.Millisecond}} }, ""},
		{"SmallBatchesThatALongerWaitFills", func(f *advice.Facts) { f.Mode, f.Size, f.Requests, f.Batches = "static", 8, 6000, 4000 },
			`small | Batches are small: 1.5 of 8 | At 10 requests a second few come within 50 ms. A wait of 300 ms gathers about half of 8, and holds a request for that long at the most. | Apply 300 ms batching.max_batch_wait_ms=300`},
		{"SmallBatchesThatNothingFills", func(f *advice.Facts) { f.Mode, f.Size, f.Requests, f.Batches = "static", 8, 60, 43 },
			`small | Batches are small: 1.4 of 8 | At 6.0 requests a minute a wait of 50 ms gathers no more. No setting will help. | nothing`},
		{"LittleToShare", func(f *advice.Facts) { f.Running, f.Waiting, f.Requests, f.Model.Limit = 1.4, 0, 60, 8 },
			`small | Little to share: 1.4 of 8 at once | At 6.0 requests a minute there is seldom company. No setting will help. | nothing`},
		{"ModelsThatAreLoadedAgain", func(f *advice.Facts) {
			f.Reloads = []advice.Reload{{Model: "qwen3:8b", Text: "qwen3:8b was loaded again 5 times in an hour because Cline and Zed ask for different num_ctx",
				Key: "models.num_ctx", Value: "qwen3:8b=32768"}}
		}, `reload | qwen3:8b is loaded again and again | qwen3:8b was loaded again 5 times in an hour because Cline and Zed ask for different num_ctx. | One size for all models.num_ctx=qwen3:8b=32768`},
		{"EmbeddingsThatAreMerged", func(f *advice.Facts) { f.Embeddings, f.Merged, f.MergedInto = 300, 212, 31 },
			`embeddings | Embeddings are merged | 212 calls became 31 in 10 minutes: nothing to do. | nothing`},
		{"EmbeddingsThatCouldBe", func(f *advice.Facts) { f.Merging, f.Embeddings = false, 412 },
			`embeddings | Embeddings go one by one | 412 calls for embeddings came in 10 minutes. Those that arrive while one is running can become one call, with the same answers. | Merge them embeddings.merge=true`},
		{"BatchingThatIsOff", func(f *advice.Facts) { f.Off, f.Serial, f.Waiting, f.Model.Slots = true, true, 12, 1 },
			`off | Batching is off: 12 wait on average | One request runs at a time; over 10 minutes 12 waited for it. Together they would share the GPU. | Turn on batching.enabled=true`},
		{"NothingOfAnEngineThatIsLeftAlone", func(f *advice.Facts) { f.Off, f.Model.Limit, f.Waiting = true, 0, 0 }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := calm()
			tt.change(&f)
			got := advice.Of(f)
			if tt.want == "" {
				if len(got) != 0 {
					t.Errorf("got %+v", got)
				}
				return
			}
			if len(got) != 1 || told(got[0]) != tt.want {
				t.Fatalf("got  %d: %s\nwant %s", len(got), told(got[0]), tt.want)
			}
			if a := got[0]; a.Key != "" {
				if _, err := config.Default().With(a.Key, a.Value); err != nil {
					t.Errorf("the button fails: %v", err)
				}
			}
		})
	}
	t.Run("AtMostThreeAndWhatHelpsFirst", func(t *testing.T) {
		f := calm()
		f.Mode, f.Size, f.Requests, f.Batches, f.Waiting = "static", 8, 60, 43, 12
		f.Merging, f.Embeddings = false, 412
		f.Reloads = []advice.Reload{{Model: "a", Text: "why"}}
		f.Model.Paces = []advice.Pace{{8, 120, 300 * time.Millisecond}}
		var kinds []string
		for _, a := range advice.Of(f) {
			kinds = append(kinds, a.Kind)
		}
		// The reload has no setting to set, and the queue none that would not make streams slower.
		if got := strings.Join(kinds, " "); got != "slow embeddings reload" {
			t.Error(got)
		}
	})
	t.Run("IsEmptyAtFirst", func(t *testing.T) {
		if got := advice.Of(advice.Facts{}); got == nil || len(got) != 0 {
			t.Errorf("%#v", got)
		}
	})
}

func told(a advice.Advice) string {
	does := "nothing"
	switch {
	case a.Key != "":
		does = a.Button + " " + a.Key + "=" + a.Value
	case a.Engine != "":
		does = a.Button + " " + a.Engine
	}
	return strings.Join([]string{a.Kind, a.Title, a.Text, does}, " | ")
}
