package gguf

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"io"
	"math"
	"slices"
	"testing"
)

// parsed is what a reader that knows only the format's description finds.
type parsed struct {
	pairs   map[string]any
	tensors map[string]found
	data    []byte
}

type found struct {
	shape  []uint64
	kind   uint32
	offset uint64
}

func parse(t *testing.T, b []byte) parsed {
	t.Helper()
	r := bytes.NewReader(b)
	if got := string(take(t, r, 4)); got != "GGUF" {
		t.Fatalf("magic %q", got)
	}
	if v := u32(t, r); v != 3 {
		t.Fatalf("version %d", v)
	}
	tensors, pairs := u64(t, r), u64(t, r)
	p := parsed{pairs: map[string]any{}, tensors: map[string]found{}}
	for range pairs {
		key := text(t, r)
		if _, twice := p.pairs[key]; twice {
			t.Errorf("key %s twice", key)
		}
		p.pairs[key] = value(t, r, u32(t, r))
	}
	for range tensors {
		name := text(t, r)
		var f found
		for range u32(t, r) {
			f.shape = append(f.shape, u64(t, r))
		}
		f.kind, f.offset = u32(t, r), u64(t, r)
		p.tensors[name] = f
	}
	if len(p.tensors) != int(tensors) {
		t.Errorf("%d names for %d tensors", len(p.tensors), tensors)
	}
	start := len(b) - r.Len()
	p.data = b[(start+31)/32*32:]
	return p
}

func value(t *testing.T, r io.Reader, kind uint32) any {
	switch kind {
	case 4:
		return u32(t, r)
	case 5:
		return int32(u32(t, r))
	case 6:
		return math.Float32frombits(u32(t, r))
	case 7:
		return take(t, r, 1)[0] == 1
	case 8:
		return text(t, r)
	case 9:
		item, n := u32(t, r), u64(t, r)
		var all []any
		for range n {
			all = append(all, value(t, r, item))
		}
		return all
	}
	t.Fatalf("metadata type %d", kind)
	return nil
}

func take(t *testing.T, r io.Reader, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		t.Fatal(err)
	}
	return b
}

func u32(t *testing.T, r io.Reader) uint32 { return binary.LittleEndian.Uint32(take(t, r, 4)) }
func u64(t *testing.T, r io.Reader) uint64 { return binary.LittleEndian.Uint64(take(t, r, 8)) }
func text(t *testing.T, r io.Reader) string {
	return string(take(t, r, int(u64(t, r))))
}

func encode(t *testing.T, f File) []byte {
	t.Helper()
	var b bytes.Buffer
	n, err := f.WriteTo(&b)
	if err != nil {
		t.Fatal(err)
	}
	if n != int64(b.Len()) {
		t.Errorf("WriteTo says %d bytes and wrote %d", n, b.Len())
	}
	return b.Bytes()
}

func TestFile(t *testing.T) {
	models := []struct {
		name string
		file File
		arch string
		want map[string][]uint64 // a few tensors and their shapes
	}{
		{"llama", Llama{Seed: 1}.File(), "llama", map[string][]uint64{
			"token_embd.weight": {256, 451}, "output.weight": {256, 451},
			"blk.3.ffn_down.weight": {704, 256}, "blk.0.attn_q.weight": {256, 256},
		}},
		{"llama as Q8_0", Llama{Seed: 1, Type: Q80, Layers: 2, Width: 128}.File(), "llama", map[string][]uint64{
			"blk.1.ffn_up.weight": {128, 352}, "output_norm.weight": {128},
		}},
		{"bert", Bert{Seed: 1}.File(), "bert", map[string][]uint64{
			"position_embd.weight": {128, 512}, "blk.1.ffn_up.bias": {512}, "token_types.weight": {128, 1},
		}},
		{"vision", Vision{Seed: 1}.File(), "mistral3", map[string][]uint64{
			"v.patch_conv.weight": {14, 14, 3, 64}, "mm.patch_merger.merging_layer.weight": {256, 64},
		}},
		{"parrot", Parrot{Lines: []Line{{":", []string{"▁hello", "▁people"}}}}.File(), "llama", map[string][]uint64{
			"token_embd.weight": {512, 452}, "output.weight": {512, 452},
		}},
	}
	for _, m := range models {
		t.Run(m.name, func(t *testing.T) {
			p := parse(t, encode(t, m.file))
			if got := p.pairs["general.architecture"]; got != m.arch {
				t.Errorf("architecture %v", got)
			}
			for name, shape := range m.want {
				if got, ok := p.tensors[name]; !ok || !slices.Equal(got.shape, shape) {
					t.Errorf("%s has shape %v, want %v", name, got.shape, shape)
				}
			}
			tokens := p.pairs["tokenizer.ggml.tokens"].([]any)
			if types := p.pairs["tokenizer.ggml.token_type"].([]any); len(types) != len(tokens) {
				t.Errorf("%d types for %d tokens", len(types), len(tokens))
			}
			seen := map[any]bool{}
			for _, token := range tokens {
				if seen[token] {
					t.Errorf("token %q twice", token)
				}
				seen[token] = true
			}
			if rows := p.tensors["token_embd.weight"].shape[1]; rows != uint64(len(tokens)) {
				t.Errorf("%d embeddings for %d tokens", rows, len(tokens))
			}
			inside(t, p)
		})
	}
}

// inside checks that the tensors lie one after another, aligned, within the data.
func inside(t *testing.T, p parsed) {
	t.Helper()
	type span struct{ from, to uint64 }
	var spans []span
	for name, f := range p.tensors {
		n := uint64(1)
		for _, d := range f.shape {
			n *= d
		}
		bytes := map[uint32]uint64{0: n * 4, 1: n * 2, 8: n / 32 * 34}[f.kind]
		if f.offset%32 != 0 || bytes == 0 || f.offset+bytes > uint64(len(p.data)) {
			t.Errorf("%s: type %d, %d bytes at %d of %d", name, f.kind, bytes, f.offset, len(p.data))
		}
		spans = append(spans, span{f.offset, f.offset + bytes})
	}
	slices.SortFunc(spans, func(a, b span) int { return int(a.from) - int(b.from) })
	for i := 1; i < len(spans); i++ {
		if gap := int(spans[i].from) - int(spans[i-1].to); gap < 0 || gap >= 32 {
			t.Errorf("gap of %d bytes before offset %d", gap, spans[i].from)
		}
	}
}

func TestFileIsTheSameForTheSameSeed(t *testing.T) {
	sum := func(f File) [32]byte { return sha256.Sum256(encode(t, f)) }
	small := Llama{Seed: 7, Layers: 1, Width: 64}
	first, again := sum(small.File()), sum(small.File())
	if first != again {
		t.Error("one seed, two models")
	}
	if other := (Llama{Seed: 8, Layers: 1, Width: 64}); first == sum(other.File()) {
		t.Error("two seeds, one model")
	}
	first, again = sum(Bert{Seed: 7}.File()), sum(Bert{Seed: 7}.File())
	if first != again {
		t.Error("one seed, two embedding models")
	}
}

func TestFileNeverEndsByItself(t *testing.T) {
	p := parse(t, encode(t, Llama{Seed: 1, Layers: 1, Width: 64}.File()))
	end := p.pairs["tokenizer.ggml.eos_token_id"].(uint32)
	row := uint64(64 * 2)
	at := p.tensors["output.weight"].offset
	blank := p.data[at+uint64(end)*row:][:row]
	if !bytes.Equal(blank, make([]byte, row)) {
		t.Error("the end token has weight")
	}
	word := p.data[at+300*row:][:row]
	if bytes.Equal(word, make([]byte, row)) {
		t.Error("a word has none")
	}
}

// TestParrotKnowsWhatComesNext follows a line through the rows of the output: the
// row of each token has its only one at the token before it.
func TestParrotKnowsWhatComesNext(t *testing.T) {
	p := parse(t, encode(t, Parrot{Lines: []Line{{":", []string{"▁hello", "▁people"}}, {"=", []string{"▁bye"}}}}.File()))
	tokens := p.pairs["tokenizer.ggml.tokens"].([]any)
	row := func(tensor, token string) (ones []string) {
		i := slices.Index(tokens, any(token))
		if i < 0 {
			t.Fatalf("no token %q", token)
		}
		for j, x := range p.data[p.tensors[tensor].offset+uint64(i)*512*2:][:512*2] {
			if j%2 == 1 && x == byte(half(1)>>8) {
				ones = append(ones, tokens[j/2].(string))
			}
		}
		return ones
	}
	for token, want := range map[string][]string{"▁hello": {":"}, "▁people": {"▁hello"}, "▁bye": {"="}, "</s>": {"▁people", "▁bye"}, "▁the": nil} {
		got := row("output.weight", token)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%q comes after %q, want %q", token, got, want)
		}
		if got := row("token_embd.weight", token); !slices.Equal(got, []string{token}) {
			t.Errorf("%q looks like %q", token, got)
		}
	}
}

func TestFileRefusesWhatTheFormatCannotHold(t *testing.T) {
	for _, f := range []File{
		{Pairs: []Pair{{"k", 1}}},
		{Tensors: []Tensor{{Name: "t"}}},
		{Tensors: []Tensor{{Name: "t", Shape: []int{0}}}},
		{Tensors: []Tensor{{Name: "t", Type: Q80, Shape: []int{33}}}},
		{Tensors: []Tensor{{Name: "t", Type: 99, Shape: []int{32}}}},
	} {
		if _, err := f.WriteTo(io.Discard); err == nil {
			t.Errorf("%+v was written", f)
		}
	}
}

func TestHalf(t *testing.T) {
	for _, c := range []struct {
		in   float32
		want uint16
	}{
		{0, 0}, {1, 0x3c00}, {-2, 0xc000}, {0.5, 0x3800}, {65504, 0x7bff}, {1e6, 0x7c00},
		{1.0 / (1 << 14), 0x0400}, {1e-9, 0}, {0.1, 0x2e66}, {1.9999, 0x4000},
	} {
		if got := half(c.in); got != c.want {
			t.Errorf("half(%v) = %#04x, want %#04x", c.in, got, c.want)
		}
	}
}

func TestTensor(t *testing.T) {
	t.Run("HasTheAskedMeanAndSpread", func(t *testing.T) {
		p := parse(t, encode(t, File{Seed: 3, Tensors: []Tensor{
			{Name: "t", Type: F32, Shape: []int{1001, 10}, Mean: 2, Std: 0.5},
		}}))
		var sum, squares float64
		for i := range 10010 {
			x := float64(math.Float32frombits(binary.LittleEndian.Uint32(p.data[4*i:])))
			sum += x
			squares += x * x
		}
		mean := sum / 10010
		std := math.Sqrt(squares/10010 - mean*mean)
		if math.Abs(mean-2) > 0.02 || math.Abs(std-0.5) > 0.02 {
			t.Errorf("mean %.3f, spread %.3f", mean, std)
		}
	})
	t.Run("KeepsNumbersThroughABlock", func(t *testing.T) {
		row := make([]float32, 32)
		for i := range row {
			row[i] = float32(i-16) / 16
		}
		b := encodeRow(nil, Q80, row)
		if len(b) != 34 {
			t.Fatalf("%d bytes", len(b))
		}
		const scale = 1.0 / 127
		if got := binary.LittleEndian.Uint16(b); got != half(scale) {
			t.Errorf("scale %#04x", got)
		}
		for i, x := range row {
			if got := float64(int8(b[2+i])) * scale; math.Abs(got-float64(x)) > scale/2+1e-6 {
				t.Errorf("%v became %v", x, got)
			}
		}
	})
}
