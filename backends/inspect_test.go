package backends

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Llama 3.1 8B: 128 KiB per token, see TestModelMemory.
const llamaShown = `{"details":{"format":"gguf"},"parameters":"stop    \"<|end|>\"\nnum_ctx                        8192","model_info":{"general.architecture":"llama","llama.block_count":32,"llama.embedding_length":4096,"llama.attention.head_count":32,"llama.attention.head_count_kv":8,"llama.context_length":131072}}`

func TestInspect(t *testing.T) {
	t.Run("AsksForEachModelOnce", func(t *testing.T) {
		inWorld(t, Options{}, func(w *world) {
			e := w.host(local)
			e.Show("tiny:latest", llamaShown)
			e.SetLoaded("tiny:latest")
			e.SetMemory(3<<20, 2<<20)
			w.run()
			if m := w.Snapshot()[0].Models[0].Memory; m.Known || m.WeightBytes != 1048576 || e.Hits("/api/show") != 0 {
				t.Errorf("the first look asks for more than lists: %+v", m)
			}
			w.after(time.Minute)
			models := w.Snapshot()[0].Models
			if m := models[0].Memory; !m.Known || m.KVPerToken() != 128<<10 || m.ContextMax != 131072 || m.ContextSet != 8192 ||
				m.WeightBytes != 1048576 || m.LoadedBytes != 3<<20 || models[0].VRAM != 2<<20 {
				t.Errorf("%+v", models[0])
			}
			if m := models[1].Memory; m.Known || m.WeightBytes != 1048576 || m.LoadedBytes != 0 {
				t.Errorf("%+v", m)
			}
			if n := e.Hits("/api/show"); n != 3 {
				t.Errorf("%d questions for 3 models in a minute", n)
			}
		})
	})
	t.Run("AsksForAFewAtATimeAndTheLoadedOnesFirst", func(t *testing.T) {
		inWorld(t, Options{}, func(w *world) {
			e := w.host(local)
			names := make([]string, 20)
			for i := range names {
				names[i] = fmt.Sprintf("m%d:latest", i)
				e.Show(names[i], llamaShown)
			}
			e.SetModels(names...)
			e.SetLoaded("m19:latest")
			w.run()
			for i, want := range []int{inspectMost, 2 * inspectMost, 20, 20} {
				w.after(probeEvery)
				models := w.Snapshot()[0].Models
				known := 0
				for _, m := range models {
					if m.Memory.Known {
						known++
					}
				}
				if known != want || e.Hits("/api/show") != want || !models[19].Memory.Known {
					t.Errorf("probe %d: %d known by %d questions, want %d", i, known, e.Hits("/api/show"), want)
				}
			}
		})
	})
	t.Run("ReadsTheFileThatALocalServerNames", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "tiny.gguf")
		if err := os.WriteFile(file, ggufHead(4, 64), 0o600); err != nil {
			t.Fatal(err)
		}
		l := newLlamaServer()
		l.answer("/props", strings.Replace(llamaPropsPage, "/m/tiny.gguf", filepath.ToSlash(file), 1))
		inLlamaWorld(t, l, func(w *world) {
			w.run()
			w.after(probeEvery)
			// 2 layers × (64 + 64) × 2 bytes
			if m := w.Snapshot()[0].Models[0].Memory; !m.Known || m.KVPerToken() != 512 || m.WeightBytes != 4912898304 || m.ContextMax != 2048 {
				t.Errorf("%+v", m)
			}
		})
	})
	t.Run("ReadsNoFileThatAnotherMachineNames", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "tiny.gguf")
		if err := os.WriteFile(file, ggufHead(4, 64), 0o600); err != nil {
			t.Fatal(err)
		}
		if m, err := inspectLlamaCPP(t.Context(), nil, parsePlace("http://192.168.1.9:8080").url, Model{file: file}); m.Known || err != nil {
			t.Errorf("%+v, %v", m, err)
		}
	})
	t.Run("ComesBackToAModelThatTookTooLong", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			slow := maker{kind: KindOllama, inspect: func(ctx context.Context, _ *http.Client, _ *url.URL, m Model) (ModelMemory, error) {
				if m.Name == "quick" {
					return ModelMemory{Known: true}, nil
				}
				<-ctx.Done()
				return ModelMemory{}, ctx.Err()
			}}
			l := look{engine: &engine{candidate: candidate{place: parsePlace(defaultOllama)}}, key: func(Kind) string { return "" }}
			models := []Model{{Name: "quick"}, {Name: "slow"}, {Name: "never asked for"}}
			began := time.Now()
			read := l.inspect(t.Context(), slow, models)
			if len(read) != 1 || time.Since(began) != studyTimeout {
				t.Errorf("%v after %v", read, time.Since(began))
			}
			if all := memories(nil).with(read, models); len(all) != 1 || !models[0].Memory.Known || models[1].Memory.Known {
				t.Errorf("%v, %+v", all, models)
			}
		})
	})
	t.Run("ForgetsWhatIsNotListedAnyMore", func(t *testing.T) {
		old := memories{memoryKey(Model{Name: "a", Digest: "1"}): {Known: true}}
		models := []Model{{Name: "a", Digest: "2"}}
		if all := old.with(nil, models); len(all) != 0 || models[0].Memory.Known {
			t.Errorf("another content under the same name is %+v, %v", models[0].Memory, all)
		}
	})
}

// ggufHead is the head of a model of 2 layers, with a vocabulary of so many words,
// and heads of 32.
func ggufHead(words int, width uint64) []byte {
	var b bytes.Buffer
	put := func(values ...any) {
		for _, v := range values {
			if s, ok := v.(string); ok {
				v = append(binary.LittleEndian.AppendUint64(nil, uint64(len(s))), s...)
			}
			_ = binary.Write(&b, binary.LittleEndian, v) // a buffer never fails
		}
	}
	put([]byte("GGUF"), uint32(3), uint64(5), uint64(9))
	put("general.architecture", uint32(8), "llama", "llama.block_count", uint32(4), uint32(2), "llama.context_length", uint32(10), uint64(2048))
	put("tokenizer.chat_template", uint32(8), strings.Repeat("x", 5000))
	put("tokenizer.ggml.tokens", uint32(9), uint32(8), uint64(words))
	for range words {
		put("word")
	}
	put("tokenizer.ggml.scores", uint32(9), uint32(6), uint64(words))
	put(make([]float32, words))
	put("llama.attention.head_count", uint32(9), uint32(5), uint64(2), int32(4), int32(4))
	put("llama.attention.layer_norm_rms_epsilon", uint32(6), float32(1e-5), "general.some", uint32(7), true)
	for i := range 2 {
		for _, name := range []string{"attn_k", "attn_v"} {
			put(fmt.Sprintf("blk.%d.%s.weight", i, name), uint32(2), uint64(128), width, uint32(1), uint64(0))
		}
	}
	put("output_norm.weight", uint32(1), uint64(128), uint32(0), uint64(0))
	return b.Bytes()
}

func TestReadGGUF(t *testing.T) {
	for _, words := range []int{4, mostList + 1} { // as a list that is kept, and one that is passed over
		kv, tensors, err := readGGUF(bytes.NewReader(ggufHead(words, 64)))
		if err != nil || len(tensors) != 5 || kv.number("llama.context_length") != 2048 || kv["general.some"] != true ||
			kv.text("tokenizer.chat_template") != "" || len(kv.numbers("llama.attention.head_count")) != 2 {
			t.Errorf("%d words: %v, %v, %v", words, kv, tensors, err)
		}
	}
	t.Run("FailsOnAFileThatEnds", func(t *testing.T) {
		whole := ggufHead(4, 64)
		for n := range len(whole) {
			if _, _, err := readGGUF(bytes.NewReader(whole[:n])); err == nil {
				t.Fatalf("%d bytes of %d are enough", n, len(whole))
			}
		}
	})
	t.Run("AsksForNoMemoryThatAFileOnlyClaims", func(t *testing.T) {
		text := binary.LittleEndian.AppendUint64(nil, 1<<62)
		for name, head := range map[string]string{
			"text":    "GGUF\x03\x00\x00\x00" + "\x00\x00\x00\x00\x00\x00\x00\x00" + "\x01\x00\x00\x00\x00\x00\x00\x00" + string(text),
			"tensors": "GGUF\x03\x00\x00\x00" + string(text) + "\x00\x00\x00\x00\x00\x00\x00\x00",
			"magic":   "GGML\x03\x00\x00\x00" + strings.Repeat("\x00", 16),
			"list":    "GGUF\x03\x00\x00\x00" + strings.Repeat("\x00", 8) + "\x01\x00\x00\x00\x00\x00\x00\x00" + strings.Repeat("\x00", 8) + "\x09\x00\x00\x00" + "\x0a\x00\x00\x00" + string(text),
		} {
			if _, _, err := readGGUF(strings.NewReader(head + strings.Repeat("\x00", 100))); !errors.Is(err, errNoGGUF) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func FuzzReadGGUF(f *testing.F) {
	f.Add(ggufHead(4, 64))
	f.Fuzz(func(t *testing.T, b []byte) {
		if kv, tensors, err := readGGUF(bytes.NewReader(b)); err == nil {
			if m := newModelMemory(kv, tensors); m.Known && m.KVPerToken() > 1<<26 {
				t.Errorf("%+v", m)
			}
		}
	})
}
