package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"time"

	"github.com/ollama/ollama/api"

	"carpool/backends"
)

// tagOf is a model in Ollama's list, as far as it is known. When it was changed is
// not, and Ollama's own zero time says so.
func tagOf(e backends.Info, m backends.Model) any {
	return api.ListModelResponse{Name: m.Name, Model: m.Name, Size: m.Size, Digest: digestOf(e, m), Details: detailsOf(e, m)}
}

// processOf is a model in Ollama's list of loaded ones. When its engine unloads it
// is not known; a time that has passed would read as "stopping", so it is the one
// that Ollama gives to a model that stays.
func processOf(e backends.Info, m backends.Model) any {
	return api.ProcessModelResponse{
		Name: m.Name, Model: m.Name, Size: max(m.Size, m.VRAM), Digest: digestOf(e, m), Details: detailsOf(e, m),
		ExpiresAt: time.Now().Add(math.MaxInt64), SizeVRAM: m.VRAM, ContextLength: m.Context,
	}
}

// openAIModel is a model in OpenAI's list.
type openAIModel struct {
	ID      string `json:"id"`
	Object  string `json:"object"`
	Created int64  `json:"created"` // in Unix seconds; 0 = not known
	OwnedBy string `json:"owned_by"`
}

func modelOf(e backends.Info, m backends.Model) any {
	return openAIModel{ID: m.Name, Object: "model", OwnedBy: e.Name}
}

func detailsOf(e backends.Info, m backends.Model) api.ModelDetails {
	d := api.ModelDetails{Family: m.Family, ParameterSize: m.Parameter, QuantizationLevel: m.Quant}
	if e.Kind == backends.KindLlamaCPP {
		d.Format = "gguf" // it reads no other
	}
	if m.Family != "" {
		d.Families = []string{m.Family}
	}
	return d
}

// digestOf is what tells a model from others. Ollama's own program shows its first
// twelve digits and fails where there are none, so one that the engine does not
// tell is made of the names.
func digestOf(e backends.Info, m backends.Model) string {
	if m.Digest != "" {
		return m.Digest
	}
	sum := sha256.Sum256([]byte(e.Name + "/" + m.Name))
	return hex.EncodeToString(sum[:])
}
