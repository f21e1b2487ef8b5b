package backends

import (
	"strconv"
	"strings"
)

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
