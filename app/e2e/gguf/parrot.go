package gguf

// Parrot describes a text model that says what it was taught. Its weights are no
// noise: each token has one successor, whatever stood before. So a test can have
// a model call a tool, think, or come to an end, without any grammar.
type Parrot struct {
	Lines []Line
}

// Line is what a Parrot says after a prompt that ends in the character After. A
// piece is one token; no piece may come twice in a Parrot. "▁" is a space.
type Line struct {
	After  string
	Pieces []string
}

// File is the model: one layer that adds nothing, and as many dimensions as
// there are tokens at most, so that each has one of its own.
func (p Parrot) File() File {
	const width = 512
	v := sentencePiece()
	known := make(map[string]int, v.len())
	for i, token := range v.tokens {
		known[token] = i
	}
	const end = 2
	before := make([][]int, width) // of each token, the tokens that it comes after
	for _, l := range p.Lines {
		last := known[l.After]
		for _, piece := range l.Pieces {
			next, ok := known[piece]
			if !ok {
				next = v.len()
				known[piece] = next
				v.add(piece, 0, tokenNormal)
			}
			before[next] = append(before[next], last)
			last = next
		}
		before[end] = append(before[end], last)
	}
	itself := make([][]int, v.len())
	for i := range itself {
		itself[i] = []int{i}
	}

	m := builder{matrices: F16}
	m.transformer("llama", 1, width, v)
	m.pair("tokenizer.ggml.model", "llama")
	m.pair("tokenizer.ggml.scores", v.scores)
	m.pair("tokenizer.ggml.unknown_token_id", uint32(0))
	for i := range m.Tensors {
		t := &m.Tensors[i]
		t.Std = 0
		switch t.Name {
		case "token_embd.weight":
			t.Ones = itself
		case "output.weight":
			t.Ones = before[:v.len()]
		case "output_norm.weight":
			t.Mean = 2 // so that no temperature of a test makes another choice
		}
	}
	return m.File
}
