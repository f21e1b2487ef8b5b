package app

import (
	"fmt"
	"strings"
	"testing"

	"carpool/app/config"
	"carpool/app/fit"
	"carpool/app/gpus"
	"carpool/app/tuner"
	"carpool/backends"
	"carpool/backends/launch"
	"carpool/batching"
	"carpool/gpu"
)

const testGiB = 1 << 30

// llama8B is Llama 3.1 8B: 4.6 GiB, and 128 KiB per token, 1 GiB of 8192.
func llama8B(name string) backends.Model {
	return backends.Model{Name: name, Memory: backends.ModelMemory{Known: true, WeightBytes: 4920738944,
		Width: 32 * 8 * 256, KVBytesPerElement: 2, ContextMax: 131072}}
}

// loaded is a model as an engine has it in memory.
func loaded(m backends.Model, context int, all, onGPU int64) backends.Model {
	m.Loaded, m.Context, m.VRAM, m.Memory.LoadedBytes = true, context, onGPU, uint64(all)
	return m
}

// seen is a machine with a GPU of 24 GiB, and an Ollama on it.
func seen(free uint64, models ...backends.Model) memorySeen {
	total := uint64(24 * testGiB)
	return memorySeen{config: config.Default(), loads: map[batching.Key]batching.Load{},
		gpu: func(string) gpus.State {
			return gpus.State{Reading: gpu.Reading{Available: true, MemoryFree: &free, MemoryTotal: &total}}
		},
		engines: []backends.Info{{Name: "ollama", Kind: backends.KindOllama, URL: "http://127.0.0.1:11434", Health: backends.Up, Models: models}}}
}

func key(model string) batching.Key { return batching.Key{Engine: "ollama", Model: model} }

func TestMemorySeen(t *testing.T) {
	studio := func(s memorySeen) memorySeen {
		s.engines[0].Kind = backends.KindLMStudio
		return s
	}
	for _, tt := range []struct {
		name           string
		seen           memorySeen
		slots, context int
		freeMiB        uint64
		words          string // within them
	}{
		// 23 GiB or more: 32k. Of 10 GiB the reserve of 512 MiB is kept.
		{"AsOllamaDoesByItself", seen(10*testGiB, llama8B("m")), 1, 32768, 9728, ": fits"},
		{"AsTheSettingsWantIt", func() memorySeen {
			s := seen(10*testGiB, llama8B("M:latest"))
			s.config.Models.NumCtx = []string{"m=8192"}
			return s
		}(), 1, 8192, 9728, ": fits"},
		{"AsTheModelWantsIt", func() memorySeen {
			m := llama8B("m")
			m.Memory.ContextSet = 16384
			return seen(10*testGiB, m)
		}(), 1, 16384, 9728, ": fits"},
		{"AsCarpoolStartedIt", func() memorySeen {
			s := seen(10*testGiB, llama8B("m"))
			s.launched = []launch.State{{URL: "http://127.0.0.1:11434", Status: launch.Running, Context: 4096}}
			return s
		}(), 1, 4096, 9728, ": fits"},
		{"NoMoreThanItWasTrainedFor", func() memorySeen {
			m := llama8B("m")
			m.Memory.ContextMax = 2048
			return seen(10*testGiB, m)
		}(), 1, 2048, 9728, ": fits"},
		// 8 slots of 32k take 32 GiB.
		{"WithTheSlotsThatWereFound", func() memorySeen {
			s := seen(20*testGiB, llama8B("m"))
			s.tuned = []tuner.State{{Key: key("m"), Slots: 8}}
			return s
		}(), 8, 32768, 19968, "32.0 GiB on top of 4.6 GiB of weights and 0.7 GiB to work in; 19.5 GiB are free: 17.8 GiB too much, part of it will run on the CPU"},
		{"WithTheSlotsThatWereFoundOfAnother", func() memorySeen {
			one := llama8B("embed")
			one.Slots = 1
			s := seen(20*testGiB, llama8B("m"), one, llama8B("other"))
			s.tuned = []tuner.State{{Key: key("embed"), Slots: 1}, {Key: key("other"), Slots: 2}}
			return s
		}(), 2, 32768, 19968, ": fits"},
		{"WithTheSlotsThatTheEngineTells", func() memorySeen {
			s := seen(20*testGiB, llama8B("m"))
			s.engines[0].Slots = 3
			return s
		}(), 3, 32768, 19968, ": fits"},
		// 2 GiB and 6 of the idle model that Ollama unloads, less the reserve.
		{"IdleModelsMakeRoom", seen(2*testGiB, llama8B("m"), loaded(llama8B("idle"), 8192, 6*testGiB, 6*testGiB)), 1, 32768, 7680, "1.8 GiB too much"},
		{"BusyModelsDoNot", func() memorySeen {
			s := seen(2*testGiB, llama8B("m"), loaded(llama8B("busy"), 8192, 6*testGiB, 6*testGiB))
			s.loads[key("busy")] = batching.Load{InFlight: 1}
			return s
		}(), 1, 32768, 1536, "7.8 GiB too much"},
		{"NorDoOtherEnginesMakeRoom", func() memorySeen {
			s := studio(seen(2*testGiB, llama8B("m"), loaded(llama8B("idle"), 8192, 6*testGiB, 6*testGiB)))
			s.engines[0].Models[0].Context = 8192
			return s
		}(), 1, 8192, 1536, "4.8 GiB too much"},
		{"WhatIsLoadedIsAsTheEngineSays", seen(0, loaded(llama8B("m"), 8192, 8*testGiB, 6*testGiB)), 1, 8192, 6144,
			"loaded with slots of 8k: 2.0 GiB of its 8.0 GiB run on the CPU, several times slower"},
		{"WhatIsLoadedWhoKnowsWhereIsNotJudged", func() memorySeen {
			s := studio(seen(testGiB, llama8B("m")))
			s.engines[0].Models[0].Loaded, s.engines[0].Models[0].Context, s.engines[0].Models[0].Slots = true, 8192, 4
			return s
		}(), 4, 8192, 0, "loaded: 4 slots of 8k take 4.0 GiB"},
		{"NoGPU", func() memorySeen {
			s := seen(0, loaded(llama8B("m"), 8192, 8*testGiB, 0))
			s.gpu = func(string) gpus.State { return gpus.State{} }
			return s
		}(), 1, 8192, 0, "loaded: 1 slot of 8k takes 1.0 GiB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := tt.seen.engines[0]
			f := tt.seen.fit(e, e.Models[0], fit.Question{})
			if f.Slots != tt.slots || f.Context != tt.context || f.Free>>20 != tt.freeMiB || !strings.Contains(f.Words, tt.words) || f.Engine != "ollama" || f.Model != e.Models[0].Name {
				t.Errorf("%d slots of %d in %d MiB: %s", f.Slots, f.Context, f.Free>>20, f.Words)
			}
		})
	}
	t.Run("WhatIfGoesBeforeWhatIs", func(t *testing.T) {
		s := seen(0, loaded(llama8B("m"), 8192, 8*testGiB, 8*testGiB))
		e := s.engines[0]
		// Its own 8 GiB are free for it: 2 GiB of cache, 4.6 of weights, 0.7 to work in.
		f := s.fit(e, e.Models[0], fit.Question{Slots: 2})
		if f.Loaded || !f.Judged || !f.Fits || f.Slots != 2 || f.Context != 8192 || f.Free != 8*testGiB {
			t.Errorf("%+v", f)
		}
		if f := s.fit(e, e.Models[0], fit.Question{Context: 32768}); f.Fits || f.Slots != 1 || f.Advice != "1 slot of 16k would fit" {
			t.Errorf("%+v", f)
		}
	})
	t.Run("OfAnEngineThatTellsNothingItsOwnEstimateIsFree", func(t *testing.T) {
		s := studio(seen(3*testGiB, llama8B("m")))
		m := &s.engines[0].Models[0]
		m.Loaded, m.Context, m.Slots = true, 8192, 4
		// 2.5 GiB are free, and the 4 GiB of cache, 4.6 of weights and 0.7 to work in that it has.
		if f := s.fit(s.engines[0], *m, fit.Question{Slots: 6}); !f.Judged || !f.Fits || f.Free != f.Weights+f.Overhead+4*testGiB+5*testGiB/2 {
			t.Errorf("%+v", f)
		}
	})
	t.Run("ListsLoadedOnesFirstAndNotTooMany", func(t *testing.T) {
		var models []backends.Model
		for i := range 70 {
			models = append(models, llama8B(fmt.Sprint(i)))
		}
		models[69] = loaded(models[69], 8192, 1, 1)
		s := seen(testGiB, models...)
		s.tuned = []tuner.State{{Key: key("68")}}
		all := s.fits()
		if len(all) != mostFits || all[0].Model != "69" || all[1].Model != "68" || all[2].Model != "0" {
			t.Errorf("%d: %s, %s, %s", len(all), all[0].Model, all[1].Model, all[2].Model)
		}
	})
}

func TestFittingTellsOfASpillOncePerLoad(t *testing.T) {
	var f fitting
	look := func(s memorySeen) string {
		f.fits = s.fits()
		var told []string
		for _, one := range f.spilling(s) {
			told = append(told, one.Reason())
		}
		return strings.Join(told, "\n")
	}
	idle := seen(3*testGiB, llama8B("m"))
	asked := seen(3*testGiB, llama8B("m"))
	asked.loads[key("m")] = batching.Load{Waiting: 1}
	spilt := seen(testGiB, loaded(llama8B("m"), 32768, 9*testGiB, 3*testGiB))
	again := seen(testGiB, loaded(llama8B("m"), 32768, 9*testGiB, 3*testGiB))
	again.loads[key("m")] = batching.Load{InFlight: 1}
	fits := seen(20*testGiB, llama8B("m"))
	fits.loads[key("m")] = batching.Load{Waiting: 1}

	for i, step := range []struct {
		seen memorySeen
		want string
	}{
		{idle, ""},
		{asked, "1 slot of 32k takes 4.0 GiB on top of 4.6 GiB of weights and 0.7 GiB to work in; 2.5 GiB are free: 6.8 GiB too much, part of it will run on the CPU, several times slower; a smaller model or quantization would fit"},
		{asked, ""},
		{spilt, ""}, // the same load
		{again, ""},
		{idle, ""}, // unloaded
		{fits, ""},
		{again, "loaded with slots of 32k: 6.0 GiB of its 9.0 GiB run on the CPU, several times slower; a smaller model or quantization would fit"},
		{again, ""},
	} {
		if got := look(step.seen); got != step.want {
			t.Errorf("step %d: %q, want %q", i, got, step.want)
		}
	}
}
