package translate

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"github.com/ollama/ollama/api"
)

// embedding writes the answer to a call for vectors.
type embedding struct {
	legacy bool // /api/embeddings: one vector, as the engine wrote it
	texts  int  // that were asked for
}

func (a *ask) embed() error {
	var r api.EmbedRequest
	if err := a.decode(&r); err != nil {
		return err
	}
	texts, ok := texts(r.Input)
	if !ok {
		return refuse("input", "invalid input type")
	}
	a.vectors(r.Model, texts, false)
	a.keep(r.KeepAlive)
	if r.Dimensions > 0 {
		a.out["dimensions"] = r.Dimensions
	}
	if r.Truncate != nil && *r.Truncate && a.engine.Kind == OpenAI {
		a.out["truncate_prompt_tokens"] = -1 // vLLM's way of saying so
	}
	return nil
}

func (a *ask) embeddings() error {
	var r api.EmbeddingRequest
	if err := a.decode(&r); err != nil {
		return err
	}
	texts, _ := texts(r.Prompt)
	a.vectors(r.Model, texts, true)
	a.keep(r.KeepAlive)
	return nil
}

// vectors prepares the call. No text has no vectors: nothing is asked for then.
func (a *ask) vectors(model string, texts []string, legacy bool) {
	a.x.model, a.x.ContentType = model, nativeJSON
	a.x.embed = &embedding{legacy: legacy, texts: len(texts)}
	if len(texts) > 0 {
		a.x.Path, a.out["input"], a.out["encoding_format"] = embeddingsPath, texts, "float"
	}
}

// texts reads the input of a call: one text or a list. Nothing, as well as one
// empty text, is no text at all, as with Ollama. The demo engine, which stands in for
// an engine and knows nothing of translation, reads the same.
func texts(input any) ([]string, bool) {
	switch in := input.(type) {
	case nil:
		return nil, true
	case string:
		if in == "" {
			return nil, true
		}
		return []string{in}, true
	case []any:
		list := make([]string, 0, len(in))
		for _, v := range in {
			text, ok := v.(string)
			if !ok {
				return nil, false
			}
			list = append(list, text)
		}
		return list, true
	}
	return nil, false
}

// vectors is the engine's answer.
type vectors struct {
	Data []struct {
		Index     int             `json:"index"`
		Embedding json.RawMessage `json:"embedding"`
	} `json:"data"`
	Usage usage           `json:"usage"`
	Error json.RawMessage `json:"error"`
}

func (e *embedding) write(x *Exchange) error {
	list, prompt := [][]float64{}, 0
	if x.Path != "" {
		var err error
		if list, prompt, err = e.read(x.document); err != nil {
			return err
		}
	}
	if e.legacy {
		answer := api.EmbeddingResponse{Embedding: []float64{}}
		if len(list) > 0 {
			answer.Embedding = list[0]
		}
		x.line(answer)
		return x.err
	}
	answer := api.EmbedResponse{
		Model: x.model, Embeddings: make([][]float32, len(list)), PromptEvalCount: prompt,
		TotalDuration: max(x.now.Sub(x.began), 1), LoadDuration: 1,
	}
	for i, v := range list {
		answer.Embeddings[i] = normalized(v)
	}
	x.line(answer)
	return x.err
}

// read puts the vectors in the order of the texts.
func (e *embedding) read(document []byte) ([][]float64, int, error) {
	var answer vectors
	if err := json.Unmarshal(document, &answer); err != nil {
		return nil, 0, fmt.Errorf("the engine answered with something that is no vectors: %w", err)
	}
	if filled(answer.Error) {
		return nil, 0, errors.New(reason(document))
	}
	if len(answer.Data) != e.texts {
		return nil, 0, fmt.Errorf("the engine answered with %d vectors for %d texts", len(answer.Data), e.texts)
	}
	list := make([][]float64, e.texts)
	for _, d := range answer.Data {
		if d.Index < 0 || d.Index >= e.texts || list[d.Index] != nil {
			return nil, 0, errors.New("the engine numbered its vectors wrongly")
		}
		v, err := vector(d.Embedding)
		if err != nil {
			return nil, 0, err
		}
		list[d.Index] = v
	}
	return list, max(answer.Usage.Prompt, 0), nil
}

// vector reads numbers, or base64 of little-endian float32.
func vector(raw json.RawMessage) ([]float64, error) {
	var v []float64
	if err := json.Unmarshal(raw, &v); err == nil && len(v) > 0 {
		return v, nil
	}
	var packed string
	if json.Unmarshal(raw, &packed) != nil {
		return nil, errors.New("the engine answered with a vector that is none")
	}
	b, err := base64.StdEncoding.DecodeString(packed)
	if err != nil || len(b) == 0 || len(b)%4 != 0 {
		return nil, errors.New("the engine answered with a packed vector that is none")
	}
	for ; len(b) > 0; b = b[4:] {
		n := float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
		if math.IsNaN(n) || math.IsInf(n, 0) {
			return nil, errors.New("the engine answered with a vector that is not finite")
		}
		v = append(v, n)
	}
	return v, nil
}

// normalized is v with length 1, as /api/embed gives it; a vector of zeros stays
// one.
func normalized(v []float64) []float32 {
	sum := 0.0
	for _, n := range v {
		sum += n * n
	}
	length := math.Sqrt(sum)
	if length == 0 || math.IsInf(length, 0) {
		length = 1
	}
	out := make([]float32, len(v))
	for i, n := range v {
		out[i] = float32(min(max(n/length, -math.MaxFloat32), math.MaxFloat32))
	}
	return out
}
