package scheduling

import (
	"math"
	"math/rand/v2"
)

// Mix is how long prompts and answers are, in tokens.
type Mix struct {
	ShortShare  float64 // probability of a short answer
	Short, Long float64 // mean length of short and long answers
	Prompt      float64 // median length of a prompt

	// Prefix, when above 0, is the length of a beginning that all prompts of an
	// app share. Every prompt is then exactly Prompt long.
	Prefix int

	// Foresight says what the gateway is told of an answer's length.
	Foresight Foresight
}

// Foresight is how well the length of an answer is known before.
type Foresight int

// The kinds of foresight.
const (
	Bounded Foresight = iota // at most maxTokens, as for nearly every real request
	Exact                    // the length itself
	Rough                    // the length times exp(N(0, 1))
)

// maxTokens is the bound on an answer that clients send along.
const maxTokens = 2048

// The mixes of the named scenarios.
var (
	standard = Mix{ShortShare: .5, Short: 40, Long: 350, Prompt: 600}
	long     = Mix{ShortShare: .3, Short: 60, Long: 500, Prompt: 1500}
	lightMix = Mix{ShortShare: 1, Short: 60, Long: 60, Prompt: 300}
)

// size is one request's lengths.
type size struct {
	prompt, output int
	told           int // most tokens of the answer, as the gateway is told
	prefix         uint64
	prefixTokens   int
}

// sizes draws the lengths of a sender's requests.
type sizes struct {
	mix    Mix
	rng    *rand.Rand
	prefix uint64
}

func (s sizes) draw() size {
	m := s.mix
	prompt := m.Prompt * math.Exp(.7*s.rng.NormFloat64())
	mean := m.Long
	if s.rng.Float64() < m.ShortShare {
		mean = m.Short
	}
	output := mean * math.Exp(.5*s.rng.NormFloat64()-.125)
	got := size{prompt: int(min(max(prompt, 20), 6000)), output: max(1, int(output+.5)), told: maxTokens}
	if m.Prefix > 0 {
		got.prompt, got.prefix, got.prefixTokens = int(m.Prompt), s.prefix, m.Prefix
	}
	switch m.Foresight {
	case Exact:
		got.told = got.output
	case Rough:
		got.told = max(1, int(float64(got.output)*math.Exp(s.rng.NormFloat64())))
	}
	return got
}
