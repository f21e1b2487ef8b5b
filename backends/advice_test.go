package backends

import "testing"

func TestSlotsAdvice(t *testing.T) {
	ollama := Info{Kind: KindOllama, Label: "Ollama", ParallelHint: ollama.parallelHint,
		Models: []Model{{Name: "tiny:latest"}, {Name: "embedder:latest", Slots: 1}}}
	llama := Info{Kind: KindLlamaCPP, Label: "llama.cpp", ParallelHint: llamacpp.parallelHint, Models: []Model{{Name: "tiny"}}}
	for _, tc := range []struct {
		engine Info
		model  string
		slots  int
		want   string
	}{
		{ollama, "tiny", 1, "Ollama runs one request at a time (OLLAMA_NUM_PARALLEL is not set): set it to 4 and start Ollama again, so that more can share the GPU"},
		{ollama, "tiny:latest", 4, "Ollama runs 4 requests at once: set OLLAMA_NUM_PARALLEL for more, if the GPU has the memory"},
		{ollama, "embedder", 1, ""},
		{llama, "tiny", 1, "llama.cpp runs one request at a time: start llama-server with -np N"},
		{llama, "tiny", 4, "llama.cpp runs 4 requests at once: start llama-server with -np N for more, if the GPU has the memory"},
		{Info{Label: "Demo engine (simulated)"}, "tiny", 4, ""},
	} {
		if got := tc.engine.SlotsAdvice(tc.model, tc.slots); got != tc.want {
			t.Errorf("got  %s\nwant %s", got, tc.want)
		}
	}
}
