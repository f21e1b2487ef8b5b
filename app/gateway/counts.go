package gateway

import (
	"strconv"
	"time"
)

// usage reads the counts of the APIs under /v1, and LM Studio's own. Anthropic's tells what of the
// prompt was cached apart from the rest of it, the others as a part.
func (r *eventReader) usage() error {
	input, read, kept := -1, -1, -1
	err := r.fields(func(key []byte) error {
		switch string(key) {
		case "prompt_tokens", "input_tokens":
			return r.counted(&input)
		case "completion_tokens", "output_tokens", "total_output_tokens":
			return r.counted(&r.told.OutputTokens)
		case "cache_read_input_tokens":
			return r.counted(&read)
		case "cache_creation_input_tokens":
			return r.counted(&kept)
		case "prompt_tokens_details", "input_tokens_details":
			return r.fields(r.detail)
		}
		return r.skip()
	})
	if read >= 0 {
		r.told.CachedTokens = read
	}
	if input >= 0 {
		r.told.PromptTokens = input + max(read, 0) + max(kept, 0)
	}
	return err
}

func (r *eventReader) detail(key []byte) error {
	if string(key) == "cached_tokens" {
		return r.counted(&r.told.CachedTokens)
	}
	return r.skip()
}

// timings reads what llama.cpp puts beside every answer. Its prompt_n is what was
// left of the prompt after the cache; usage, where it is told too, is the judge.
func (r *eventReader) timings() error {
	read, output := -1, -1
	err := r.fields(func(key []byte) error {
		switch string(key) {
		case "prompt_n":
			return r.counted(&read)
		case "cache_n":
			return r.counted(&r.told.CachedTokens)
		case "predicted_n":
			return r.counted(&output)
		case "prompt_ms":
			return r.lasted(&r.told.Prompt, time.Millisecond)
		case "predicted_ms":
			return r.lasted(&r.told.Eval, time.Millisecond)
		}
		return r.skip()
	})
	if r.told.PromptTokens < 0 && read >= 0 && r.told.CachedTokens >= 0 {
		r.told.PromptTokens = read + r.told.CachedTokens
	}
	if r.told.OutputTokens < 0 {
		r.told.OutputTokens = output
	}
	return err
}

func (r *eventReader) counted(n *int) error {
	if b := r.next(); b != '-' && (b < '0' || b > '9') {
		return r.skip()
	}
	text, err := r.number()
	*n = count(text)
	return err
}

// longest bounds a time that an engine tells, so that sums of them hold.
const longest = time.Duration(1) << 60

// lasted reads a time in units; 0 where it is none.
func (r *eventReader) lasted(d *time.Duration, unit time.Duration) error {
	if b := r.next(); b != '-' && (b < '0' || b > '9') {
		return r.skip()
	}
	text, err := r.number()
	n, _ := strconv.ParseFloat(string(text), 64) // out of range gives ±Inf, which is clamped
	*d = time.Duration(min(max(n*float64(unit), 0), float64(longest)))
	return err
}
