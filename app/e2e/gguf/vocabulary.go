package gguf

import (
	"fmt"
	"strings"
)

// Token types of the tokenizers.
const (
	tokenNormal  int32 = 1
	tokenUnknown int32 = 2
	tokenControl int32 = 3
	tokenByte    int32 = 6
)

const wordStart = "▁" // stands for the space before a word

// words make the noise look like text. Single characters stand in for the rest.
const words = `the of and to in a is that it for was on are as with his they at be this have from or one had by
word but not what all were we when your can said there use an each which she do how their if will up other about out
many then them these so some her would make like him into time has look two more write go see number no way could
people my than first water been call who oil its now find long down day did get come made may part`

type vocabulary struct {
	tokens  []string
	scores  []float32
	types   []int32
	special int // tokens before this one are no text
}

func (v *vocabulary) add(token string, score float32, kind int32) {
	v.tokens = append(v.tokens, token)
	v.scores = append(v.scores, score)
	v.types = append(v.types, kind)
}

func (v *vocabulary) len() int { return len(v.tokens) }

// sentencePiece is a vocabulary of the "llama" tokenizer: 0 unknown, 1 begin,
// 2 end, the 256 bytes, printable ASCII, and some words.
func sentencePiece() vocabulary {
	var v vocabulary
	v.add("<unk>", 0, tokenUnknown)
	v.add("<s>", 0, tokenControl)
	v.add("</s>", 0, tokenControl)
	for b := range 256 {
		v.add(fmt.Sprintf("<0x%02X>", b), 0, tokenByte)
	}
	v.special = v.len()
	v.add(wordStart, -1, tokenNormal)
	for c := '!'; c <= '~'; c++ {
		v.add(string(c), -1, tokenNormal)
	}
	for _, w := range strings.Fields(words) {
		v.add(wordStart+w, 0, tokenNormal)
	}
	return v
}

// wordPiece is a vocabulary of the "bert" tokenizer: 0 padding, 1 unknown,
// 2 begin, 3 separator, lower-case ASCII alone and as the start of a word, and
// some words.
func wordPiece() vocabulary {
	var v vocabulary
	for _, s := range []string{"[PAD]", "[UNK]", "[CLS]", "[SEP]"} {
		v.add(s, 0, tokenControl)
	}
	v.special = v.len()
	for c := '!'; c <= '~'; c++ {
		if c >= 'A' && c <= 'Z' {
			continue
		}
		v.add(string(c), 0, tokenNormal)
		v.add(wordStart+string(c), 0, tokenNormal)
	}
	for _, w := range strings.Fields(words) {
		if len(w) > 1 {
			v.add(wordStart+w, 0, tokenNormal)
		}
	}
	return v
}

// Tokens of a byte-level vocabulary that mistral3 gives a fixed number.
const (
	tokenImage      = 10
	tokenImageBreak = 12
	tokenImageEnd   = 13
)

// byteLevel is a vocabulary of the "gpt2" tokenizer: 16 control tokens (1 begin,
// 2 end, and those of images), the bytes of printable ASCII, newline and space,
// and some words.
func byteLevel() vocabulary {
	var v vocabulary
	for i := range 16 {
		name := fmt.Sprintf("<control-%d>", i)
		switch i {
		case 1:
			name = "<s>"
		case 2:
			name = "</s>"
		case tokenImage:
			name = "[IMG]"
		case tokenImageBreak:
			name = "[IMG_BREAK]"
		case tokenImageEnd:
			name = "[IMG_END]"
		}
		v.add(name, 0, tokenControl)
	}
	v.special = v.len()
	const shift = 0x100 // byte-level BPE writes control bytes and space this much higher
	v.add(string(rune('\n'+shift)), 0, tokenNormal)
	v.add(string(rune(' '+shift)), 0, tokenNormal)
	for c := '!'; c <= '~'; c++ {
		v.add(string(c), 0, tokenNormal)
	}
	for _, w := range strings.Fields(words) {
		v.add(string(rune(' '+shift))+w, 0, tokenNormal)
	}
	return v
}
