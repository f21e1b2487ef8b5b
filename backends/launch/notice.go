package launch

import (
	"regexp"
	"strconv"
	"strings"
)

// notice is what a line of an engine's log tells.
type notice struct {
	slots int  // requests that it runs at once; 0 = the line does not say
	load  bool // the slots are those of one model, as it was loaded
	err   bool // the line tells of an error
	cause string
}

// The causes that a line may name; a person can act on them.
const (
	causeMemory = "the GPU's memory is full"
	causePort   = "its port is taken"
	causeModel  = "the model cannot be loaded"
)

var (
	ollamaSlots  = regexp.MustCompile(`\bOLLAMA_NUM_PARALLEL:(\d{1,4})\b`)
	ollamaLoad   = regexp.MustCompile(`\bParallel:(\d{1,4})\b`)           // msg=load request="{… Parallel:4 …"
	ollamaRunner = regexp.MustCompile(` runner .*--parallel (\d{1,4})\b`) // up to 0.11
	llamaSlots   = regexp.MustCompile(`\b(?:n_slots|n_parallel)\s*=\s*(\d{1,4})\b`)

	causes = []struct {
		cause string
		words []string // in lower case
	}{
		{causeMemory, []string{"out of memory", "cudamalloc failed", "requires more system memory", "failed to allocate", "unable to allocate", "insufficient memory", "erroroutofdevicememory"}},
		{causePort, []string{"address already in use", "only one usage of each socket address", "couldn't bind"}},
		{causeModel, []string{"error loading model", "failed to load model", "unable to load model", "runner process has terminated", "exiting due to model loading error", "failed to open gguf"}},
	}
	// An error without a known cause. The marks of each program's own log.
	errorMark = regexp.MustCompile(`(?i)\blevel=(?:error|fatal)\b|^\s*(?:error|fatal|panic)\b[: ]|^[\d.]+ E |\bggml_abort\b`)
)

// read says what a line of the log of an engine tells. It never fails.
func read(line string) notice {
	var n notice
	for _, p := range []struct {
		pattern *regexp.Regexp
		load    bool
	}{{ollamaSlots, false}, {llamaSlots, false}, {ollamaLoad, true}, {ollamaRunner, true}} {
		if m := p.pattern.FindStringSubmatch(line); m != nil {
			n.slots, _ = strconv.Atoi(m[1]) // a few digits
			n.load = p.load
			break
		}
	}
	lower := strings.ToLower(line)
	for _, c := range causes {
		for _, words := range c.words {
			if strings.Contains(lower, words) {
				n.err, n.cause = true, c.cause
				return n
			}
		}
	}
	n.err = errorMark.MatchString(line)
	return n
}
