package gguf

import (
	"cmp"
	"fmt"
	"math"
)

// Llama describes a text model. The zero value is tiny: 4 layers of 256, 8 MB
// as F16, well under a millisecond per token.
type Llama struct {
	Seed   uint64
	Type   Type // of the matrices; F32 stands for the default, F16
	Layers int  // 4
	Width  int  // 256, a multiple of 64
}

const (
	headLen    = 64    // numbers in an attention head
	contextLen = 4096  // tokens
	epsilon    = 1e-5  // of the norms
	ropeBase   = 10000 // of the rotary positions
)

// File is the model. It never ends by itself: the end token has no weight.
func (l Llama) File() File {
	layers, width := cmp.Or(l.Layers, 4), cmp.Or(l.Width, 256)
	m := builder{File: File{Seed: l.Seed}, matrices: F16}
	if l.Type != F32 {
		m.matrices = l.Type
	}
	v := sentencePiece()
	m.transformer("llama", layers, width, v)
	m.pair("tokenizer.ggml.model", "llama")
	m.pair("tokenizer.ggml.scores", v.scores)
	m.pair("tokenizer.ggml.unknown_token_id", uint32(0))
	return m.File
}

// Vision describes a text model that can see images. The zero value is tiny.
type Vision struct {
	Seed uint64
}

// File is the model, of the mistral3 architecture: 2 text layers of 128, 1 image
// layer of 64, images of up to 56 pixels in patches of 14.
func (s Vision) File() File {
	const width, eye, patch, edge, merge = 128, 64, 14, 56, 2
	m := builder{File: File{Seed: s.Seed}, matrices: F16}
	v := byteLevel()
	m.transformer("mistral3", 2, width, v)
	m.pair("tokenizer.ggml.model", "gpt2")
	m.pair("tokenizer.ggml.pre", "default")
	m.pair("tokenizer.ggml.merges", []string{"t h"})
	m.pair("mistral3.attention.key_length", uint32(headLen))
	m.pair("mistral3.spatial_merge_size", uint32(merge))
	m.pair("mistral3.vision.block_count", uint32(1))
	m.pair("mistral3.vision.embedding_length", uint32(eye))
	m.pair("mistral3.vision.feed_forward_length", uint32(2*eye))
	m.pair("mistral3.vision.attention.head_count", uint32(1))
	m.pair("mistral3.vision.attention.key_length", uint32(eye))
	m.pair("mistral3.vision.image_size", uint32(edge))
	m.pair("mistral3.vision.longest_edge", uint32(edge))
	m.pair("mistral3.vision.patch_size", uint32(patch))
	m.pair("mistral3.vision.num_channels", uint32(3))

	m.Tensors = append(m.Tensors, Tensor{
		Name: "v.patch_conv.weight", Type: F16, Shape: []int{patch, patch, 3, eye},
		Std: spread(patch * patch * 3),
	})
	m.norm("v.encoder_norm", eye)
	m.norm("v.blk.0.attn_norm", eye)
	m.norm("v.blk.0.ffn_norm", eye)
	for _, name := range []string{"attn_q", "attn_k", "attn_v", "attn_output"} {
		m.matrix("v.blk.0."+name, eye, eye)
	}
	m.matrix("v.blk.0.ffn_gate", eye, 2*eye)
	m.matrix("v.blk.0.ffn_up", eye, 2*eye)
	m.matrix("v.blk.0.ffn_down", 2*eye, eye)
	m.norm("mm.norm", eye)
	m.matrix("mm.patch_merger.merging_layer", eye*merge*merge, eye)
	m.matrix("mm.linear_1", eye, width)
	m.matrix("mm.linear_2", width, width)
	return m.File
}

// Bert describes an embedding model. The zero value is tiny: 2 layers of 128.
type Bert struct {
	Seed   uint64
	Layers int // 2
	Width  int // 128, a multiple of 64
}

// File is the model. Its vectors have Width numbers and length 1.
func (b Bert) File() File {
	layers, width := cmp.Or(b.Layers, 2), cmp.Or(b.Width, 128)
	const positions = 512
	m := builder{File: File{Seed: b.Seed}, matrices: F16}
	v := wordPiece()
	m.pair("general.architecture", "bert")
	m.pair("general.file_type", fileType(F16))
	m.pair("bert.block_count", uint32(layers))
	m.pair("bert.context_length", uint32(positions))
	m.pair("bert.embedding_length", uint32(width))
	m.pair("bert.feed_forward_length", uint32(4*width))
	m.pair("bert.attention.head_count", uint32(width/headLen))
	m.pair("bert.attention.layer_norm_epsilon", float32(epsilon))
	m.pair("bert.attention.causal", false)
	m.pair("bert.pooling_type", uint32(1)) // the mean; also what makes it an embedding model
	m.pair("tokenizer.ggml.model", "bert")
	m.pair("tokenizer.ggml.tokens", v.tokens)
	m.pair("tokenizer.ggml.scores", v.scores)
	m.pair("tokenizer.ggml.token_type", v.types)
	m.pair("tokenizer.ggml.token_type_count", uint32(1))
	m.pair("tokenizer.ggml.padding_token_id", uint32(0))
	m.pair("tokenizer.ggml.unknown_token_id", uint32(1))
	m.pair("tokenizer.ggml.bos_token_id", uint32(2))
	m.pair("tokenizer.ggml.cls_token_id", uint32(2))
	m.pair("tokenizer.ggml.eos_token_id", uint32(3))
	m.pair("tokenizer.ggml.seperator_token_id", uint32(3)) //nolint:misspell // the format's spelling

	m.table("token_embd", width, v.len())
	m.table("position_embd", width, positions)
	m.table("token_types", width, 1)
	m.centred("token_embd_norm", width)
	for i := range layers {
		block := fmt.Sprintf("blk.%d.", i)
		for _, name := range []string{"attn_q", "attn_k", "attn_v", "attn_output"} {
			m.biased(block+name, width, width)
		}
		m.centred(block+"attn_output_norm", width)
		m.biased(block+"ffn_up", width, 4*width)
		m.biased(block+"ffn_down", 4*width, width)
		m.centred(block+"layer_output_norm", width)
	}
	return m.File
}

// builder adds the parts that models share.
type builder struct {
	File
	matrices Type
}

// transformer is a decoder of the llama kind under the name that the
// architecture goes by.
func (m *builder) transformer(arch string, layers, width int, v vocabulary) {
	inner := width * 11 / 4 / 32 * 32
	heads := uint32(width / headLen)
	m.pair("general.architecture", arch)
	m.pair("general.file_type", fileType(m.matrices))
	m.pair(arch+".block_count", uint32(layers))
	m.pair(arch+".context_length", uint32(contextLen))
	m.pair(arch+".embedding_length", uint32(width))
	m.pair(arch+".feed_forward_length", uint32(inner))
	m.pair(arch+".attention.head_count", heads)
	m.pair(arch+".attention.head_count_kv", heads)
	m.pair(arch+".rope.dimension_count", uint32(headLen))
	m.pair(arch+".vocab_size", uint32(v.len()))
	m.pair(arch+".attention.layer_norm_rms_epsilon", float32(epsilon))
	m.pair(arch+".rope.freq_base", float32(ropeBase))
	m.pair("tokenizer.ggml.tokens", v.tokens)
	m.pair("tokenizer.ggml.token_type", v.types)
	m.pair("tokenizer.ggml.bos_token_id", uint32(1))
	m.pair("tokenizer.ggml.eos_token_id", uint32(2))
	m.pair("tokenizer.ggml.add_bos_token", true)
	m.pair("tokenizer.ggml.add_eos_token", false)

	m.Tensors = append(m.Tensors, Tensor{
		Name: "token_embd.weight", Type: m.matrices, Shape: []int{width, v.len()}, Std: 1,
	})
	for i := range layers {
		block := fmt.Sprintf("blk.%d.", i)
		m.norm(block+"attn_norm", width)
		for _, name := range []string{"attn_q", "attn_k", "attn_v", "attn_output"} {
			m.matrix(block+name, width, width)
		}
		m.norm(block+"ffn_norm", width)
		m.matrix(block+"ffn_gate", width, inner)
		m.matrix(block+"ffn_up", width, inner)
		m.matrix(block+"ffn_down", inner, width)
	}
	m.norm("output_norm", width)
	// Wide enough that a choice is clear, so that temperature 0 repeats itself.
	// Zero rows: no end token, no half characters.
	m.Tensors = append(m.Tensors, Tensor{
		Name: "output.weight", Type: m.matrices, Shape: []int{width, v.len()},
		Std: 4 * spread(width), Blank: v.special,
	})
}

func (m *builder) pair(key string, value any) {
	m.Pairs = append(m.Pairs, Pair{Key: key, Value: value})
}

func (m *builder) matrix(name string, in, out int) {
	m.Tensors = append(m.Tensors, Tensor{
		Name: name + ".weight", Type: m.matrices, Shape: []int{in, out}, Std: spread(in),
	})
}

// table is looked up by row, not multiplied with.
func (m *builder) table(name string, width, rows int) {
	m.Tensors = append(m.Tensors, Tensor{Name: name + ".weight", Type: F32, Shape: []int{width, rows}, Std: 1})
}

func (m *builder) biased(name string, in, out int) {
	m.matrix(name, in, out)
	m.Tensors = append(m.Tensors, Tensor{Name: name + ".bias", Type: F32, Shape: []int{out}, Std: 0.1})
}

func (m *builder) norm(name string, width int) {
	m.Tensors = append(m.Tensors, Tensor{Name: name + ".weight", Type: F32, Shape: []int{width}, Mean: 1})
}

func (m *builder) centred(name string, width int) {
	m.norm(name, width)
	m.Tensors = append(m.Tensors, Tensor{Name: name + ".bias", Type: F32, Shape: []int{width}})
}

// spread keeps the size of numbers that pass through a matrix of so many inputs.
func spread(in int) float32 { return float32(1 / math.Sqrt(float64(in))) }

// fileType is the format's name for "mostly of this type".
func fileType(t Type) uint32 {
	if t == Q80 {
		return 7
	}
	return 1
}
