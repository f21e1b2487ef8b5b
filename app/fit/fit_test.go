package fit_test

import (
	"testing"

	"carpool/app/fit"
)

const (
	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
)

// The sizes of real models, by their metadata; see TestModelMemory of backends.
var (
	llama8B  = fit.Model{Known: true, Weights: 4920738944, KVPerToken: 128 * kib}                                         // Llama 3.1 8B Q4_K_M
	qwen7B   = fit.Model{Known: true, Weights: 4683073536, KVPerToken: 56 * kib}                                          // Qwen 2.5 7B Q4_K_M
	gemma4B  = fit.Model{Known: true, Weights: 3338801718, KVPerToken: 20 * kib, WindowPerToken: 116 * kib, Window: 1024} // Gemma 3 4B Q4_K_M
	lfm1B    = fit.Model{Known: true, Weights: 731 * mib, KVPerToken: 12 * kib, State: 160 * kib}                         // LFM2 1.2B Q4_K_M
	nomic    = fit.Model{Known: true, Weights: 274302450}                                                                 // nomic-embed-text
	deepseek = fit.Model{Known: true, AtMost: true, Weights: 10 * gib, KVPerToken: 270 * kib}                             // DeepSeek V2 Lite
	unknown  = fit.Model{Weights: 4 * gib}
)

func TestNeed(t *testing.T) {
	for _, tt := range []struct {
		name           string
		model          fit.Model
		slots, context int
		perSlot, kv    uint64
	}{
		// 128 KiB × 8192 = 1 GiB.
		{"Llama8B", llama8B, 1, 8192, gib, gib},
		// 8 × 128 KiB × 32768 = 32 GiB.
		{"Llama8BInEightLongSlots", llama8B, 8, 32768, 4 * gib, 32 * gib},
		// 56 KiB × 32768 = 1.75 GiB; × 4 = 7 GiB.
		{"Qwen7B", qwen7B, 4, 32768, 1792 * mib, 7 * gib},
		// 20 KiB × 8192 = 160 MiB, and 116 KiB × 1024 = 116 MiB; × 4, and 116 KiB × 512 = 58 MiB once.
		{"AWindowHoldsNoMoreThanItself", gemma4B, 4, 8192, 276 * mib, 1162 * mib},
		// (20 + 116) KiB × 512 = 68 MiB, and no batch beside.
		{"AContextInsideTheWindow", gemma4B, 1, 512, 68 * mib, 68 * mib},
		// 12 KiB × 4096 = 48 MiB, and the states.
		{"StatesAreOfEachSlot", lfm1B, 2, 4096, 48*mib + 160*kib, 96*mib + 320*kib},
		{"AnEncoderHasNoCache", nomic, 1, 2048, 0, 0},
		{"AtLeastOneSlot", llama8B, 0, 0, 128 * kib, 128 * kib},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := fit.NewNeed(tt.model, tt.slots, tt.context)
			if n.KVPerSlot != tt.perSlot || n.KV != tt.kv || n.Total != tt.kv+tt.model.Weights+715*mib || !n.Known {
				t.Errorf("%+v", n)
			}
		})
	}
	t.Run("NothingIsMadeUp", func(t *testing.T) {
		if n := fit.NewNeed(unknown, 8, 8192); n.Known || n.KV != 0 || n.KVPerSlot != 0 || n.Total != 4*gib+715*mib {
			t.Errorf("%+v", n)
		}
		if n := fit.NewNeed(fit.Model{Known: true, KVPerToken: 1}, 1, 1); n.Known {
			t.Errorf("weights that are not told: %+v", n)
		}
	})
	// As Ollama 0.17.4 planned on an NVIDIA H100 on 2026-11-26: a model of 3.2 GiB with 28
	// layers of 48 heads, "kv cache" 21.0 GiB, "compute graph" 6.1 GiB.
	t.Run("WhatIsSetAsideToWorkInGrowsWithTheSlots", func(t *testing.T) {
		m := fit.Model{Known: true, Weights: 3445 * mib, KVPerToken: 28 * 48 * 128 * 2, WorkPerToken: 4 * 512 * 49}
		n := fit.NewNeed(m, 32, 2048)
		if n.KV != 21504*mib || n.Overhead != (457+6272)*mib || n.Total != n.Weights+n.KV+n.Overhead {
			t.Errorf("%+v", n)
		}
		for _, slots := range []int{1, 2, 8, 64} {
			if got, want := n.With(slots), fit.NewNeed(m, slots, 2048).Total; got != want {
				t.Errorf("with %d slots %d, want %d", slots, got, want)
			}
		}
		// Where that is less than the logits of a batch take, they count.
		if one := fit.NewNeed(m, 1, 2048); one.Overhead != fit.Overhead {
			t.Errorf("%+v", one)
		}
	})
	t.Run("OneMoreTokenTakesNoMoreBeyondAWindow", func(t *testing.T) {
		if in, out := fit.NewNeed(gemma4B, 1, 512).KVPerToken, fit.NewNeed(gemma4B, 1, 2048).KVPerToken; in != 136*kib || out != 20*kib {
			t.Errorf("%d within the window, %d beyond", in, out)
		}
	})
}

func TestJudge(t *testing.T) {
	for _, tt := range []struct {
		name           string
		model          fit.Model
		slots, context int
		free           fit.Free
		judged, fits   bool
		words, advice  string
	}{
		{"Fits", llama8B, 4, 8192, fit.Free{Bytes: 10 * gib, Known: true}, true, true,
			"4 slots of 8k take 4.0 GiB on top of 4.6 GiB of weights and 0.7 GiB to work in; 10.0 GiB are free: fits", ""},
		{"SpillsAndFewerSlotsWouldNot", llama8B, 8, 8192, fit.Free{Bytes: 11 * gib, Known: true}, true, false,
			"8 slots of 8k take 8.0 GiB on top of 4.6 GiB of weights and 0.7 GiB to work in; 11.0 GiB are free: 2.3 GiB too much, part of it will run on the CPU, several times slower",
			"5 slots of 8k would fit"},
		{"SpillsAndOnlyASmallerContextWouldNot", llama8B, 1, 65536, fit.Free{Bytes: 7 * gib, Known: true}, true, false,
			"1 slot of 64k takes 8.0 GiB on top of 4.6 GiB of weights and 0.7 GiB to work in; 7.0 GiB are free: 6.3 GiB too much, part of it will run on the CPU, several times slower",
			"1 slot of 8k would fit"},
		{"SpillsWhateverItsSlots", llama8B, 1, 4096, fit.Free{Bytes: 3 * gib, Known: true}, true, false,
			"1 slot of 4k takes 0.5 GiB on top of 4.6 GiB of weights and 0.7 GiB to work in; 3.0 GiB are free: 2.8 GiB too much, part of it will run on the CPU, several times slower",
			"a smaller model or quantization would fit"},
		{"ABoundThatFitsFits", deepseek, 1, 4096, fit.Free{Bytes: 12 * gib, Known: true}, true, true,
			"1 slot of 4k takes at most 1.1 GiB on top of 10.0 GiB of weights and 0.7 GiB to work in; 12.0 GiB are free: fits", ""},
		{"ABoundThatDoesNotIsNoProof", deepseek, 4, 4096, fit.Free{Bytes: 12 * gib, Known: true}, false, false,
			"4 slots of 4k take at most 4.2 GiB on top of 10.0 GiB of weights and 0.7 GiB to work in; 12.0 GiB are free: up to 2.9 GiB too much, part of it may run on the CPU, several times slower", ""},
		{"WeightsAloneTooLargeAreProof", unknown, 4, 4096, fit.Free{Bytes: 3 * gib, Known: true}, true, false,
			"the weights take 4.0 GiB; what a slot takes is not told; 3.0 GiB are free: 1.7 GiB too much, part of it will run on the CPU, several times slower", ""},
		{"WeightsAloneAreNoFit", unknown, 4, 4096, fit.Free{Bytes: 30 * gib, Known: true}, false, false,
			"the weights take 4.0 GiB; what a slot takes is not told; 30.0 GiB are free", ""},
		{"NoGPU", qwen7B, 1, 4096, fit.Free{}, false, false,
			"1 slot of 4k takes 0.2 GiB on top of 4.4 GiB of weights and 0.7 GiB to work in; how much memory is free is not known", ""},
		{"NothingTold", fit.Model{}, 1, 4096, fit.Free{Bytes: gib, Known: true}, false, false, "how large it is is not told", ""},
		{"AFullGPU", nomic, 1, 2000, fit.Free{Known: true}, true, false,
			"1 slot of 2000 tokens takes 0 GiB on top of 0.3 GiB of weights and 0.7 GiB to work in; 0 GiB are free: 1.0 GiB too much, part of it will run on the CPU, several times slower",
			"a smaller model or quantization would fit"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := fit.Judge(tt.model, fit.NewNeed(tt.model, tt.slots, tt.context), tt.free)
			if f.Judged != tt.judged || f.Fits != tt.fits || f.Words != tt.words || f.Advice != tt.advice {
				t.Errorf("judged %v, fits %v\n%s\n%q", f.Judged, f.Fits, f.Words, f.Advice)
			}
		})
	}
}

func TestLoaded(t *testing.T) {
	need := fit.NewNeed(llama8B, 8, 8192)
	free := fit.Free{Bytes: 11 * gib, Known: true}
	f := fit.Loaded(llama8B, need, free, 13*gib, 10*gib, true)
	if f.Fits || !f.Judged || !f.Loaded || f.Spill != 3*gib || f.Advice != "5 slots of 8k would fit" ||
		f.Words != "loaded with 8 slots of 8k: 3.0 GiB of its 13.0 GiB run on the CPU, several times slower" {
		t.Errorf("%+v", f)
	}
	// What the engine says goes before an estimate that says otherwise.
	if f := fit.Loaded(llama8B, need, fit.Free{}, 9*gib, 9*gib, true); !f.Fits || f.Spill != 0 || f.Advice != "" ||
		f.Words != "loaded with 8 slots of 8k: 9.0 GiB, all of it on the GPU" {
		t.Errorf("%+v", f)
	}
	// How many slots that are is not made up.
	if f := fit.Loaded(llama8B, fit.NewNeed(llama8B, 1, 8192), free, 9*gib, 9*gib, false); f.Words != "loaded with slots of 8k: 9.0 GiB, all of it on the GPU" {
		t.Errorf("%+v", f)
	}
}

func TestTaken(t *testing.T) {
	if f := fit.Taken(fit.NewNeed(qwen7B, 4, 8192)); f.Judged || f.Fits || !f.Loaded ||
		f.Words != "loaded: 4 slots of 8k take 1.8 GiB on top of 4.4 GiB of weights and 0.7 GiB to work in" {
		t.Errorf("%+v", f)
	}
}

func TestTable(t *testing.T) {
	free := fit.Free{Bytes: 11 * gib, Known: true}
	now := fit.Judge(llama8B, fit.NewNeed(llama8B, 3, 8192), free)
	now.Engine, now.Model = "ollama", "llama3.1:8b"
	table := fit.NewTable(now, llama8B, free, 0)
	if len(table.Rows) != 5 || table.Largest != 4 || table.Rows[4].Slots != 16 || table.Rows[4].KV != 16*gib || table.Rows[4].Fits || table.Rows[0].Model != "llama3.1:8b" || table.Rows[0].Context != 8192 {
		t.Errorf("%+v", table)
	}
	if one := fit.NewTable(now, llama8B, free, 1); len(one.Rows) != 1 || one.Largest != 1 {
		t.Errorf("of a model that runs one at a time: %+v", one)
	}
	if dark := fit.NewTable(now, llama8B, fit.Free{}, 0); dark.Largest != 0 || len(dark.Rows) != 5 {
		t.Errorf("without a GPU: %+v", dark)
	}
	now = fit.Judge(unknown, fit.NewNeed(unknown, 3, 8192), free)
	if none := fit.NewTable(now, unknown, free, 0); none.Rows == nil || len(none.Rows) != 0 || none.Largest != 0 {
		t.Errorf("of a model of unknown sizes: %+v", none)
	}
}
