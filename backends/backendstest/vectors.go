package backendstest

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
)

// vectorBody is a request for embeddings in the OpenAI dialect or in
// llama-server's own.
type vectorBody struct {
	Input      json.RawMessage `json:"input"`
	Content    json.RawMessage `json:"content"`
	Format     string          `json:"encoding_format"`
	Dimensions int             `json:"dimensions"`
}

// inputs reads the texts: a string, strings, or tokens in place of a text.
func (b *vectorBody) inputs() []string {
	raw := b.Input
	if raw == nil {
		raw = b.Content
	}
	var one string
	if json.Unmarshal(raw, &one) == nil {
		return []string{one}
	}
	var many []any
	if json.Unmarshal(raw, &many) != nil || len(many) == 0 {
		return nil
	}
	if _, tokens := many[0].(float64); tokens {
		return []string{fmt.Sprint(many)}
	}
	texts := make([]string, len(many))
	for i, text := range many {
		texts[i] = fmt.Sprint(text)
	}
	return texts
}

// embed answers /v1/embeddings. A vector is as long as that of Vector, or
// shorter if dimensions says so.
func (w *wire) embed(e *Engine, counts func(*Engine) bool) answerer {
	return func(q Request, _ Script) frames {
		var body vectorBody
		if err := json.Unmarshal(q.Body, &body); err != nil {
			return w.refused(e, w.refuse(e, http.StatusBadRequest, "invalid JSON: "+err.Error()))
		}
		model, no := w.resolve(e, q, true)
		if no != nil {
			return w.refused(e, no)
		}
		texts := body.inputs()
		switch {
		case len(texts) == 0:
			return w.refused(e, w.refuse(e, http.StatusBadRequest, "'input' field must be a string or an array of strings"))
		case body.Format != "" && body.Format != "float" && body.Format != "base64":
			return w.refused(e, w.refuse(e, http.StatusBadRequest, "The format to return the embeddings in. Can be either float or base64"))
		}
		data := make([]object, len(texts))
		read := 0
		for i, text := range texts {
			read += words(text)
			v := Vector(text)
			if 0 < body.Dimensions && body.Dimensions < len(v) {
				v = v[:body.Dimensions]
			}
			data[i] = object{"object": "embedding", "index": i, "embedding": v}
			if body.Format == "base64" {
				data[i]["embedding"] = packed(v)
			}
		}
		if !counts(e) {
			read = 0
		}
		f := w.base(e)
		f.whole = marshal(object{"object": "list", "data": data, "model": model.Name, "usage": object{"prompt_tokens": read, "total_tokens": read}})
		return f
	}
}

// packed is a vector as little-endian 32-bit floats.
func packed(v []float64) string {
	var b []byte
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(x)))
	}
	return base64.StdEncoding.EncodeToString(b)
}
