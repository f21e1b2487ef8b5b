package gateway

import (
	"math"
	"strconv"
)

// tokenCap reads a bound on generated tokens. Where there are several, the one
// of the higher rank counts: the newer name.
func (p *peeker) tokenCap(param string, rank int) error {
	if p.next() == 'n' {
		return p.literal("null")
	}
	text, err := p.number()
	if err != nil {
		return p.wrong(param, param+" must be a number")
	}
	if rank >= p.capRank {
		p.capRank, p.maxTokens = rank, count(text)
	}
	return nil
}

// sampling notes what makes an answer repeatable, and steps over all else.
func (p *peeker) sampling(key string) error {
	value, err := p.value()
	switch key {
	case "temperature":
		n, unread := strconv.ParseFloat(value, 64)
		p.cold = n == 0 && unread == nil
	case "seed":
		// Engines take -1, and llama.cpp its unsigned like, for a random one.
		n, unread := strconv.ParseUint(value, 10, 32)
		p.seeded = p.route.seeds && unread == nil && n < math.MaxUint32
	}
	return err
}

// value steps over a value and returns its text.
func (p *peeker) value() (string, error) {
	p.next()
	start := p.at
	err := p.skip()
	return string(p.text[start:p.at]), err
}

// options reads Ollama's num_predict, what makes an answer repeatable, and what
// a model is loaded with; all else in them is the engine's. Options given twice
// add up, as in Go, but for null, which takes back those before.
func (p *peeker) options() error {
	switch p.next() {
	case '{':
	case 'n':
		p.runner = runner{}
		return p.literal("null")
	default:
		return p.skip()
	}
	return p.object(func(key []byte) error {
		if string(key) == "num_predict" {
			return p.tokenCap("options.num_predict", 0)
		}
		if !p.native {
			return p.skip()
		}
		if i := runnerOption(key); i >= 0 {
			value, err := p.value()
			p.runner[i] = readOption(i, value)
			return err
		}
		return p.sampling(string(key))
	})
}

// count reads a number as a count; 0 where it is none.
func count(text []byte) int {
	n, _ := strconv.ParseFloat(string(text), 64) // out of range gives ±Inf, which is clamped
	return int(min(max(n, 0), math.MaxInt32))
}
