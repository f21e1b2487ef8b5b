package translate

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/ollama/ollama/api"
)

// chunk is what is read of a piece of the engine's answer, or of all of it.
type chunk struct {
	ID      string          `json:"id"`
	Choices []chunkChoice   `json:"choices"`
	Usage   *usage          `json:"usage"`
	Timings *timings        `json:"timings"`
	Error   json.RawMessage `json:"error"`
}

type chunkChoice struct {
	Index    int   `json:"index"`
	Delta    delta `json:"delta"`
	Message  delta `json:"message"` // of an answer in one piece
	Text     words `json:"text"`    // of /v1/completions
	Finish   words `json:"finish_reason"`
	Stop     words `json:"stop_reason"` // vLLM: the stop sequence that was met
	Logprobs *struct {
		Content []api.Logprob `json:"content"`
	} `json:"logprobs"`
}

type delta struct {
	Content   words       `json:"content"`
	Refusal   words       `json:"refusal"`
	Reasoning words       `json:"reasoning"`         // Ollama, newer vLLM, gpt-oss
	Thinking  words       `json:"reasoning_content"` // llama.cpp, LM Studio, older vLLM
	ToolCalls []callDelta `json:"tool_calls"`
}

type callDelta struct {
	Index    *int   `json:"index"`
	ID       string `json:"id"`
	Function struct {
		Name      string `json:"name"`
		Arguments words  `json:"arguments"`
	} `json:"function"`
}

// usage is what an answer cost.
type usage struct {
	Prompt     int `json:"prompt_tokens"`
	Completion int `json:"completion_tokens"`
	Details    struct {
		Cached int `json:"cached_tokens"`
	} `json:"prompt_tokens_details"`
	Parts struct {
		Reasoning int `json:"reasoning_tokens"`
	} `json:"completion_tokens_details"`
}

// timings are llama.cpp's own measurements. PromptN is what was left of the prompt
// after the cache.
type timings struct {
	PromptN     int     `json:"prompt_n"`
	CacheN      int     `json:"cache_n"`
	PredictedN  int     `json:"predicted_n"`
	PromptMS    float64 `json:"prompt_ms"`
	PredictedMS float64 `json:"predicted_ms"`
}

// words is text that an engine may leave null, cut into parts, or write as an
// object, as some do with a call's arguments.
type words string

// UnmarshalJSON implements json.Unmarshaler. It never fails: what is no text is
// none.
func (w *words) UnmarshalJSON(raw []byte) error {
	switch raw[0] {
	case '"':
		return json.Unmarshal(raw, (*string)(w))
	case '[':
		var parts []struct {
			Text string `json:"text"`
		}
		_ = json.Unmarshal(raw, &parts) // what cannot be read is no text
		for _, p := range parts {
			*w += words(p.Text)
		}
	case '{':
		*w = words(raw)
	}
	return nil
}

// readChunk reads a piece. Fields of other types than expected are passed over.
func readChunk(data []byte) (*chunk, error) {
	c := &chunk{}
	err := json.Unmarshal(data, c)
	if _, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		err = nil
	}
	return c, err
}

// choice is the one that we asked for; nil = the piece has none.
func (c *chunk) choice() *chunkChoice {
	for i := range c.Choices {
		if c.Choices[i].Index == 0 {
			return &c.Choices[i]
		}
	}
	return nil
}

// piece is what a chunk adds to an answer.
type piece struct {
	text, thinking string
	calls          []callDelta
	logprobs       []api.Logprob
}

func (c *chunkChoice) piece() piece {
	p := piece{text: string(c.Text)}
	for _, d := range [...]*delta{&c.Delta, &c.Message} {
		p.text += string(d.Content) + string(d.Refusal)
		p.thinking += string(d.Thinking)
		if d.Thinking == "" { // some write both names
			p.thinking += string(d.Reasoning)
		}
		p.calls = append(p.calls, d.ToolCalls...)
	}
	if c.Logprobs != nil {
		p.logprobs = c.Logprobs.Content
	}
	return p
}

func (p *piece) empty() bool {
	return p.text == "" && p.thinking == "" && len(p.calls) == 0 && len(p.logprobs) == 0
}

// lasted is a time that an engine tells in milliseconds.
func lasted(ms float64) time.Duration {
	const longest = float64(1 << 60)
	return time.Duration(min(max(ms*float64(time.Millisecond), 0), longest))
}
