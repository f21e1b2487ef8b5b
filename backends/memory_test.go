package backends

import (
	"encoding/json"
	"fmt"
	"testing"
)

// attention are the tensors of layers with heads for keys and values of their own.
func attention(width uint64, layers ...int) (all []tensor) {
	for _, i := range layers {
		all = append(all, tensor{fmt.Sprintf("blk.%d.attn_k.weight", i), []uint64{2048, width}},
			tensor{fmt.Sprintf("blk.%d.attn_v.weight", i), []uint64{2048, width}},
			tensor{fmt.Sprintf("blk.%d.attn_q.weight", i), []uint64{2048, 2048}})
	}
	return append(all, tensor{"token_embd.weight", []uint64{2048, 65536}})
}

// stateful are tensors of layers without attention.
func stateful(part string, layers ...int) (all []tensor) {
	for _, i := range layers {
		all = append(all, tensor{fmt.Sprintf("blk.%d.%s", i, part), []uint64{4, 2048}}, tensor{fmt.Sprintf("blk.%d.attn_qkv.weight", i), []uint64{2048, 8192}})
	}
	return all
}

// every are the numbers of layers, each of-th by itself, and the others.
func every(n, of int) (with, without []int) {
	for i := range n {
		if (i+1)%of == 0 {
			with = append(with, i)
		} else {
			without = append(without, i)
		}
	}
	return with, without
}

func TestModelMemory(t *testing.T) {
	const kib = 1 << 10
	full48, linear48 := every(48, 4)
	for _, tt := range []struct {
		name     string
		metadata string // as Ollama shows it, which leaves lists out
		tensors  []tensor
		token    uint64
		windowed uint64
		window   int
		state    uint64
		known    bool
		atMost   bool
	}{
		// 32 layers × 8 heads × (128 keys + 128 values) × 2 bytes = 128 KiB; the head is 4096 / 32.
		{"Llama3.1Of8B", `{"general.architecture":"llama","llama.block_count":32,"llama.embedding_length":4096,"llama.attention.head_count":32,"llama.attention.head_count_kv":8,"llama.context_length":131072}`,
			nil, 128 * kib, 0, 0, 0, true, false},
		// 28 × 4 × 256 × 2 = 56 KiB; the head is 3584 / 28.
		{"Qwen2.5Of7B", `{"general.architecture":"qwen2","qwen2.block_count":28,"qwen2.embedding_length":3584,"qwen2.attention.head_count":28,"qwen2.attention.head_count_kv":4}`,
			nil, 56 * kib, 0, 0, 0, true, false},
		// 36 × 8 × 256 × 2 = 144 KiB, though 2560 / 32 would be a head of 80.
		{"Qwen3Of4B_NamesItsHeads", `{"general.architecture":"qwen3","qwen3.block_count":36,"qwen3.embedding_length":2560,"qwen3.attention.head_count":32,"qwen3.attention.head_count_kv":8,"qwen3.attention.key_length":128,"qwen3.attention.value_length":128}`,
			nil, 144 * kib, 0, 0, 0, true, false},
		// 32 heads each of 128, as there are no fewer for keys: 32 × 32 × 256 × 2 = 512 KiB.
		{"Llama2Of7B_HasAllHeads", `{"general.architecture":"llama","llama.block_count":32,"llama.embedding_length":4096,"llama.attention.head_count":32}`,
			nil, 512 * kib, 0, 0, 0, true, false},
		// 34 layers, the 6th, 12th … 30th whole: 5 × 4 × 512 × 2 = 20 KiB, 29 × 4 × 512 × 2 = 116 KiB in the window.
		{"Gemma3Of4B", `{"general.architecture":"gemma3","gemma3.block_count":34,"gemma3.embedding_length":2560,"gemma3.attention.head_count":8,"gemma3.attention.head_count_kv":4,"gemma3.attention.key_length":256,"gemma3.attention.value_length":256,"gemma3.attention.sliding_window":1024}`,
			nil, 20 * kib, 116 * kib, 1024, 0, true, false},
		// 42 layers, each second whole: 21 × 8 × 512 × 2 = 168 KiB each.
		{"Gemma2Of9B", `{"general.architecture":"gemma2","gemma2.block_count":42,"gemma2.embedding_length":3584,"gemma2.attention.head_count":16,"gemma2.attention.head_count_kv":8,"gemma2.attention.key_length":256,"gemma2.attention.value_length":256,"gemma2.attention.sliding_window":4096}`,
			nil, 168 * kib, 168 * kib, 4096, 0, true, false},
		// 24 layers, each second whole: 12 × 8 × 128 × 2 = 24 KiB each.
		{"GptOssOf20B", `{"general.architecture":"gptoss","gptoss.block_count":24,"gptoss.embedding_length":2880,"gptoss.attention.head_count":64,"gptoss.attention.head_count_kv":8,"gptoss.attention.key_length":64,"gptoss.attention.value_length":64,"gptoss.attention.sliding_window":128}`,
			nil, 24 * kib, 24 * kib, 128, 0, true, false},
		// Which layers have the window is in a list that is left out: 32 × 8 × 256 × 2 = 128 KiB is the bound.
		{"AWindowOfUnknownLayersIsABound", `{"general.architecture":"olmo3","olmo3.block_count":32,"olmo3.embedding_length":4096,"olmo3.attention.head_count":32,"olmo3.attention.head_count_kv":8,"olmo3.attention.sliding_window":4096,"olmo3.attention.sliding_window_pattern":null}`,
			nil, 128 * kib, 0, 0, 0, true, true},
		// 4 layers of which the list says that 3 have the window: 1 × 2 × 128 × 2 = 512, 3 × 512 in the window.
		{"AWindowOfListedLayers", `{"general.architecture":"olmo3","olmo3.block_count":4,"olmo3.embedding_length":256,"olmo3.attention.head_count":4,"olmo3.attention.head_count_kv":2,"olmo3.attention.sliding_window":64,"olmo3.attention.sliding_window_pattern":[true,true,true,false]}`,
			nil, 512, 1536, 64, 0, true, false},
		// 16 layers, 6 with attention: 6 × 512 × 2 × 2 bytes = 12 KiB; 10 × (3 − 1) × 2048 × 4 bytes of state.
		{"Lfm2Of1.2B_ByItsTensors", `{"general.architecture":"lfm2","lfm2.block_count":16,"lfm2.embedding_length":2048,"lfm2.attention.head_count":32,"lfm2.attention.head_count_kv":null,"lfm2.shortconv.l_cache":3}`,
			append(attention(512, 2, 5, 8, 10, 12, 14), stateful("shortconv.conv.weight", 0, 1, 3, 4, 6, 7, 9, 11, 13, 15)...), 12 * kib, 0, 0, 163840, true, false},
		// 48 layers, 12 with attention: 12 × 512 × 2 × 2 = 24 KiB; 36 × (3 × (4096 + 2×16×128) + 128 × 4096) × 4 of state.
		{"Qwen3NextOf80B_ByItsTensors", `{"general.architecture":"qwen3next","qwen3next.block_count":48,"qwen3next.embedding_length":2048,"qwen3next.attention.head_count":16,"qwen3next.attention.head_count_kv":2,"qwen3next.attention.key_length":256,"qwen3next.attention.value_length":256,"qwen3next.ssm.conv_kernel":4,"qwen3next.ssm.inner_size":4096,"qwen3next.ssm.state_size":128,"qwen3next.ssm.group_count":16}`,
			append(attention(512, full48...), stateful("ssm_conv1d.weight", linear48...)...), 24 * kib, 0, 0, 79036416, true, false},
		// The list is there: of 4 layers one has 2 heads of 128: 2 × 256 × 2 = 1 KiB; 3 × (3 × (64 + 2×1×16) + 16 × 64) × 4.
		{"AHybridByItsList", `{"general.architecture":"granitehybrid","granitehybrid.block_count":4,"granitehybrid.embedding_length":512,"granitehybrid.attention.head_count":4,"granitehybrid.attention.head_count_kv":[0,0,2,0],"granitehybrid.ssm.conv_kernel":4,"granitehybrid.ssm.inner_size":64,"granitehybrid.ssm.state_size":16,"granitehybrid.ssm.group_count":1}`,
			nil, 1 * kib, 0, 0, 15744, true, false},
		// One number for all layers, though some have states: 4 × 2 × 256 × 2 = 4 KiB is the bound.
		{"AHybridOfUnknownLayersIsABound", `{"general.architecture":"falcon-h1","falcon-h1.block_count":4,"falcon-h1.embedding_length":512,"falcon-h1.attention.head_count":4,"falcon-h1.attention.head_count_kv":2,"falcon-h1.ssm.state_size":16}`,
			nil, 4 * kib, 0, 0, 0, true, true},
		// 27 × 16 × (192 + 128) × 2 = 270 KiB, of which a latent cache keeps less.
		{"DeepseekV2Lite_IsABound", `{"general.architecture":"deepseek2","deepseek2.block_count":27,"deepseek2.embedding_length":2048,"deepseek2.attention.head_count":16,"deepseek2.attention.head_count_kv":16,"deepseek2.attention.key_length":192,"deepseek2.attention.value_length":128,"deepseek2.attention.kv_lora_rank":512}`,
			nil, 270 * kib, 0, 0, 0, true, true},
		{"AnEncoderRemembersNothing", `{"general.architecture":"nomic-bert","nomic-bert.block_count":12,"nomic-bert.embedding_length":768,"nomic-bert.attention.head_count":12,"nomic-bert.attention.causal":false,"nomic-bert.pooling_type":1}`,
			nil, 0, 0, 0, 0, true, false},
		{"AListLeftOutIsNotKnown", `{"general.architecture":"lfm2","lfm2.block_count":16,"lfm2.embedding_length":2048,"lfm2.attention.head_count":32,"lfm2.attention.head_count_kv":null}`,
			nil, 0, 0, 0, 0, false, false},
		{"StatesOfUnknownSizeAreNotKnown", `{"general.architecture":"rwkv7","rwkv7.block_count":2,"rwkv7.embedding_length":2048}`,
			stateful("time_mix_key.weight", 0, 1), 0, 0, 0, 0, false, false},
		{"CachesAcrossAreNotKnown", `{"general.architecture":"mllama","mllama.block_count":40,"mllama.embedding_length":4096,"mllama.attention.head_count":32,"mllama.attention.head_count_kv":8,"mllama.attention.cross_attention_layers":[3,8]}`,
			nil, 0, 0, 0, 0, false, false},
		{"NothingIsNotKnown", `{}`, nil, 0, 0, 0, 0, false, false},
		{"NonsenseIsNotKnown", `{"general.architecture":"llama","llama.block_count":-3,"llama.embedding_length":"x","llama.attention.head_count":1e300}`, nil, 0, 0, 0, 0, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var kv metadata
			if err := json.Unmarshal([]byte(tt.metadata), &kv); err != nil {
				t.Fatal(err)
			}
			m := newModelMemory(kv, tt.tensors)
			if m.Known != tt.known {
				t.Errorf("known %v: %+v", m.Known, m)
			}
			if !m.Known {
				return
			}
			if m.AtMost != tt.atMost || m.KVPerToken() != tt.token || m.WindowPerToken() != tt.windowed || m.Window != tt.window || m.StateBytes != tt.state {
				t.Errorf("a token takes %d and %d in a window of %d, a request %d: %+v", m.KVPerToken(), m.WindowPerToken(), m.Window, m.StateBytes, m)
			}
		})
	}
}

// TestOllamaWork: Ollama 0.17.4 said "compute graph" 6.1 GiB of a model with 48 heads and
// 32 slots of 2,048 tokens, on an NVIDIA H100.
func TestOllamaWork(t *testing.T) {
	for _, tt := range []struct {
		name string
		m    ModelMemory
		want uint64
	}{
		{"OfLlamaCpp", ModelMemory{Architecture: "llama", Heads: 48}, 4 * 512 * 49},
		{"OfOllamasOwnEngineIsMeasuredThere", ModelMemory{Architecture: "qwen3", Heads: 32}, 0},
		{"OfHeadsThatAreNotTold", ModelMemory{Architecture: "llama"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := ollamaWork(tt.m); got != tt.want {
				t.Errorf("%d bytes for a token, want %d", got, tt.want)
			}
		})
	}
}
