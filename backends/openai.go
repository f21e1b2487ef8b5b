package backends

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// compatible is whatever serves /v1 and is nothing that is known better: vLLM, SGLang,
// a cluster behind one address. It is only where the settings say.
var compatible = maker{
	kind:         KindOpenAI,
	label:        "OpenAI-compatible engine",
	places:       func() []string { return nil },
	probe:        probeOpenAI,
	study:        studyOpenAI,
	advice:       "start it",
	preallocated: true,
	parallelHint: "raise its own bound (vLLM: --max-num-seqs)",
}

// openaiModels is what we read of GET /v1/models. vLLM tells a model's context.
type openaiModels struct {
	Data []struct {
		ID      string `json:"id"`
		Context int    `json:"max_model_len"`
	} `json:"data"`
}

// probeOpenAI reads the list of models. Such an engine lists what it has loaded.
func probeOpenAI(ctx context.Context, c *http.Client, base *url.URL) (report, error) {
	var list openaiModels
	if err := getJSON(ctx, c, base.JoinPath("v1", "models"), "an OpenAI-compatible engine", &list); err != nil {
		return report{}, fmt.Errorf("list of models: %w", err)
	}
	if list.Data == nil {
		return report{}, &unexpected{what: "not as an OpenAI-compatible engine does"}
	}
	r := report{}
	for _, m := range list.Data {
		r.models = append(r.models, Model{Name: m.ID, Loaded: true, Context: m.Context})
	}
	return r, nil
}

// studyOpenAI asks which APIs there are and, of vLLM, how large its KV memory is. A
// KoboldCpp that was listed as of this kind would answer an empty request.
func studyOpenAI(ctx context.Context, c *http.Client, base *url.URL) (facts, error) {
	if _, err := askKobold(ctx, c, base); err == nil {
		return facts{apis: koboldAPIs}, nil
	}
	apis, err := studyAPIs(ctx, c, base)
	if err != nil {
		return facts{}, err
	}
	f := facts{apis: apis}
	if text, err := fetch(ctx, c, base.JoinPath("metrics")); err == nil { // not every engine has them
		f.kvTokens = vllmPool(text)
	}
	return f, nil
}

// vllmPool is how many tokens vLLM's KV memory holds, by its metrics: blocks and
// tokens in a block are labels of vllm:cache_config_info. 0 = not told.
func vllmPool(metrics []byte) int {
	lines := bufio.NewScanner(bytes.NewReader(metrics))
	lines.Buffer(nil, maxProbe)
	for lines.Scan() {
		labels, ok := strings.CutPrefix(lines.Text(), "vllm:cache_config_info{")
		if !ok {
			continue
		}
		blocks, size := label(labels, "num_gpu_blocks"), label(labels, "block_size")
		if blocks > 0 && size > 0 && blocks <= maxPool/size {
			return blocks * size
		}
	}
	return 0
}

// maxPool bounds a pool that is believed, in tokens.
const maxPool = 1 << 40

// label is the number in one of a metric's labels; 0 = there is none.
func label(labels, name string) int {
	for pair := range strings.SplitSeq(labels, ",") {
		if value, ok := strings.CutPrefix(pair, name+`="`); ok {
			text, _, _ := strings.Cut(value, `"`)
			n, _ := strconv.Atoi(text) // "None" is no number
			return n
		}
	}
	return 0
}
