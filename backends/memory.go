package backends

import (
	"slices"
	"strconv"
	"strings"
)

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

// metadata are a model's, by the keys of the GGUF format. Values are numbers,
// strings, bools, and slices of them; an engine may leave out what a slice holds.
type metadata map[string]any

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

// layer is what one layer remembers.
type layer struct {
	width    int  // numbers of each token
	stateful bool // it remembers a state of fixed size
}

// layers are those of the model, nil where they cannot be told.
func (m *ModelMemory) layers(kv metadata, tensors []tensor) []layer {
	heads := kv.numbers(m.key("attention.head_count_kv"))
	each := m.KeyLength + m.ValueLength
	if all := m.layersBy(tensors, each); all != nil {
		return all
	}
	all := make([]layer, m.Layers)
	switch {
	case each <= 0 || m.KVHeads <= 0:
		return nil
	case len(heads) == m.Layers:
		for i, n := range heads {
			all[i] = layer{width: n * each, stateful: n == 0}
		}
	default:
		for i := range all {
			all[i].width = m.KVHeads * each
		}
		// Where layers differ, and how is not told, all of them may hold everything.
		m.AtMost = m.AtMost || kv.has(m.key("ssm.")) || kv.has(m.key("shortconv."))
	}
	return all
}

// layersBy are the layers as their tensors show them; nil where they do not.
func (m *ModelMemory) layersBy(tensors []tensor, each int) []layer {
	all, seen := make([]layer, m.Layers), false
	keys, values := make([]int, m.Layers), make([]int, m.Layers)
	for _, t := range tensors {
		i, part, ok := inLayer(t.name)
		if !ok || i >= m.Layers {
			continue
		}
		switch {
		case part == "attn_k.weight" && len(t.shape) > 1 && t.shape[1] < mostWidth:
			keys[i] = int(t.shape[1])
		case part == "attn_v.weight" && len(t.shape) > 1 && t.shape[1] < mostWidth:
			values[i] = int(t.shape[1])
		case part == "attn_qkv.weight", part == "attn_kv_a_mqa.weight":
			all[i].width = m.KVHeads * each // unless it is a state's
		case strings.HasPrefix(part, "ssm_"), strings.HasPrefix(part, "shortconv"), strings.HasPrefix(part, "time_mix"):
			all[i].stateful = true
		}
	}
	for i := range all {
		if all[i].stateful {
			all[i].width = 0
		}
		if keys[i] > 0 {
			if values[i] == 0 {
				values[i] = keys[i] // one matrix for both
			}
			all[i].width = keys[i] + values[i]
		}
		seen = seen || all[i].width > 0 || all[i].stateful
	}
	if !seen {
		return nil
	}
	return all
}

// inLayer takes apart the name of a tensor: blk.7.attn_k.weight.
func inLayer(name string) (layer int, part string, ok bool) {
	rest, ok := strings.CutPrefix(name, "blk.")
	number, part, cut := strings.Cut(rest, ".")
	n, err := strconv.Atoi(number)
	return n, part, ok && cut && err == nil && n >= 0
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

func (kv metadata) text(key string) string {
	s, _ := kv[key].(string)
	return s
}

// number is a value that is one and no negative one, else 0.
func (kv metadata) number(key string) int {
	n, _ := natural(kv[key])
	return n
}

// numbers are those of a list, or the one that stands for it; nil = not told.
func (kv metadata) numbers(key string) []int {
	if n, ok := natural(kv[key]); ok {
		return []int{n}
	}
	list, _ := kv[key].([]any)
	all := make([]int, len(list))
	for i, v := range list {
		n, ok := natural(v)
		if !ok {
			return nil
		}
		all[i] = n
	}
	return all
}

// flags are those of a list; nil = not told.
func (kv metadata) flags(key string) []bool {
	list, _ := kv[key].([]any)
	var all []bool
	for _, v := range list {
		b, ok := v.(bool)
		if !ok {
			return nil
		}
		all = append(all, b)
	}
	return all
}

// has reports whether there is a key of a prefix.
func (kv metadata) has(prefix string) bool {
	for key := range kv {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

// natural is a number from 0 to one that no model exceeds.
func natural(v any) (int, bool) {
	const most = 1 << 24
	var f float64
	switch v := v.(type) {
	case float64: // of JSON
		f = v
	case uint64: // of a GGUF file
		f = float64(v)
	default:
		return 0, false
	}
	if f >= 0 && f <= most {
		return int(f), true
	}
	return 0, false
}
