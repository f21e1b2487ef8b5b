package backends

// ollamaBatch is how many tokens Ollama reads at a time (num_batch; 512 unless a model
// or a request says otherwise).
const ollamaBatch = 512

// ollamaPlansHeads are the architectures that Ollama runs with llama.cpp and for which it
// sets aside a score of four bytes for each token of a batch, head and token of context,
// whether or not flash attention will then need it (fs/ggml GraphSize, 0.17.4). By
// that, not by what is taken in the end, it decides how many layers go to the GPU. For
// those that its own engine runs it measures instead.
var ollamaPlansHeads = map[string]bool{
	"chatglm": true, "command-r": true, "gemma": true, "gemma2": true, "llama": true,
	"phi2": true, "qwen2": true, "stablelm": true,
}

// ollamaWork is ModelMemory.WorkPerToken of a model that Ollama has.
func ollamaWork(m ModelMemory) uint64 {
	if !ollamaPlansHeads[m.Architecture] || m.Heads == 0 {
		return 0
	}
	return 4 * ollamaBatch * uint64(1+m.Heads)
}
