package backends

import "slices"

// ModelMemory is what a model's metadata tell of the memory that it takes on a
// GPU. The zero value tells nothing.
//
// The KV cache is taken to hold f16 numbers, as engines do by default. No API
// tells a type that was set otherwise (OLLAMA_KV_CACHE_TYPE, --cache-type-k).
type ModelMemory struct {
	// Known says that all that the KV cache depends on is told. Else only the
	// bytes of the weights mean something, where they are not 0.
	Known bool `json:"known"`
	// AtMost says that the cache may take less: some layers hold only a part of the
	// context, or keep it in a denser form, and the metadata do not tell how much.
	AtMost bool `json:"at_most,omitempty"`

	Architecture string `json:"architecture,omitempty"`
	Layers       int    `json:"layers,omitempty"`
	Heads        int    `json:"heads,omitempty"`    // of attention, in the layer that has most
	KVHeads      int    `json:"kv_heads,omitempty"` // of a layer that has them
	KeyLength    int    `json:"key_length,omitempty"`
	ValueLength  int    `json:"value_length,omitempty"`

	Width       int    `json:"kv_width,omitempty"`        // numbers that a token takes in the layers that hold the whole context
	WindowWidth int    `json:"kv_window_width,omitempty"` // the same in those that hold Window tokens of it
	Window      int    `json:"kv_window,omitempty"`       // tokens
	StateBytes  uint64 `json:"state_bytes,omitempty"`     // of a request in layers that hold no context

	KVBytesPerElement float64 `json:"kv_bytes_per_element,omitempty"`

	// WorkPerToken is the bytes that the engine sets aside for its computations for
	// each token of context of all slots; 0 = it does not depend on that, or is not told.
	WorkPerToken uint64 `json:"work_bytes_per_token,omitempty"`

	WeightBytes uint64 `json:"weight_bytes,omitempty"` // 0 = not told
	LoadedBytes uint64 `json:"loaded_bytes,omitempty"` // as it is loaded, on GPU and CPU together; 0 = it is not, or not told
	ContextMax  int    `json:"context_max,omitempty"`  // tokens that it was trained for; 0 = not told
	ContextSet  int    `json:"context_set,omitempty"`  // tokens that it asks the engine for; 0 = it leaves that to the engine
}

// KVPerToken is the bytes of one token of context in the layers that hold all of
// it.
func (m ModelMemory) KVPerToken() uint64 { return uint64(float64(m.Width) * m.KVBytesPerElement) }

// WindowPerToken is the bytes of one token in the layers that hold Window tokens
// at most.
func (m ModelMemory) WindowPerToken() uint64 {
	return uint64(float64(m.WindowWidth) * m.KVBytesPerElement)
}

const (
	kvElement    = 2       // bytes of f16
	stateElement = 4       // bytes of f32, which engines keep states in
	mostLayers   = 1 << 12 // of a model that is believed
	mostWidth    = 1 << 24 // numbers of a token in all layers, the same
	mostState    = 1 << 40 // bytes of a request's states, the same
)

// tensor is the name and the shape of one, the size of its input first.
type tensor struct {
	name  string
	shape []uint64
}

// newModelMemory reads metadata. The tensors tell each layer for itself, which
// the lists among the metadata do too where the engine does not leave them out;
// without tensors all layers are taken to be alike.
func newModelMemory(kv metadata, tensors []tensor) ModelMemory {
	m := ModelMemory{Architecture: kv.text("general.architecture"), KVBytesPerElement: kvElement}
	m.Layers, m.ContextMax = kv.number(m.key("block_count")), kv.number(m.key("context_length"))
	if m.Architecture == "" || m.Layers < 1 || m.Layers > mostLayers {
		return ModelMemory{ContextMax: m.ContextMax}
	}
	if causal, told := kv[m.key("attention.causal")].(bool); told && !causal {
		m.Known = true // it reads a text whole and remembers nothing of it
		return m
	}
	m.takeHeads(kv)
	layers := m.layers(kv, tensors)
	if layers == nil || kv[m.key("attention.cross_attention_layers")] != nil {
		return m // what is looked at across has a cache of its own
	}
	window, windowed := m.windows(kv)
	state := m.state(kv)
	for i, l := range layers {
		if l.stateful {
			if state == 0 {
				return m
			}
			m.StateBytes += state
		}
		if windowed(i) {
			m.WindowWidth += l.width
		} else {
			m.Width += l.width
		}
	}
	if m.WindowWidth > 0 {
		m.Window = window
	}
	for _, denser := range []string{"attention.kv_lora_rank", "attention.shared_kv_layers", "nextn_predict_layers"} {
		m.AtMost = m.AtMost || kv.number(m.key(denser)) > 0
	}
	m.Known = m.Width+m.WindowWidth <= mostWidth && m.StateBytes <= mostState && (m.Width+m.WindowWidth > 0 || m.StateBytes > 0)
	return m
}

func (m *ModelMemory) key(name string) string { return m.Architecture + "." + name }

// takeHeads reads how many heads a layer has, and how large they are. What is not
// told is as llama.cpp takes it.
func (m *ModelMemory) takeHeads(kv metadata) {
	heads := slices.Max(append(kv.numbers(m.key("attention.head_count")), 0))
	m.Heads, m.KVHeads = heads, heads
	if _, told := kv[m.key("attention.head_count_kv")]; told {
		m.KVHeads = slices.Max(append(kv.numbers(m.key("attention.head_count_kv")), 0))
	}
	m.KeyLength, m.ValueLength = kv.number(m.key("attention.key_length")), kv.number(m.key("attention.value_length"))
	if heads > 0 && m.KeyLength == 0 {
		m.KeyLength = kv.number(m.key("embedding_length")) / heads
	}
	if heads > 0 && m.ValueLength == 0 {
		m.ValueLength = kv.number(m.key("embedding_length")) / heads
	}
}

// windowEvery is, for architectures of which engines know it, of how many layers
// one holds the whole context, and the others only a window.
var windowEvery = map[string]int{"gemma2": 2, "gemma3": 6, "cohere2": 4, "gptoss": 2, "gpt-oss": 2}

// windows are how many tokens a window holds, and which layers have one.
func (m *ModelMemory) windows(kv metadata) (tokens int, has func(layer int) bool) {
	none := func(int) bool { return false }
	tokens = kv.number(m.key("attention.sliding_window"))
	every := windowEvery[m.Architecture]
	pattern := m.key("attention.sliding_window_pattern")
	switch flags := kv.flags(pattern); {
	case tokens == 0:
		m.AtMost = m.AtMost || every > 0
		return 0, none
	case len(flags) == m.Layers:
		return tokens, func(i int) bool { return flags[i] }
	case kv.number(pattern) > 1:
		every = kv.number(pattern)
	}
	if every == 0 {
		m.AtMost = true
		return 0, none
	}
	return tokens, func(i int) bool { return (i+1)%every != 0 }
}

// state is the bytes that a layer without attention remembers of a request; 0 =
// not told.
func (m *ModelMemory) state(kv metadata) uint64 {
	ssm := func(name string) uint64 { return uint64(kv.number(m.key("ssm." + name))) }
	numbers := ssm("state_size") * ssm("inner_size")
	if kernel := ssm("conv_kernel"); kernel > 0 {
		numbers += (kernel - 1) * (ssm("inner_size") + 2*ssm("group_count")*ssm("state_size"))
	}
	if l := kv.number(m.key("shortconv.l_cache")); l > 0 {
		numbers = uint64(l-1) * uint64(kv.number(m.key("embedding_length")))
	}
	return numbers * stateElement
}
