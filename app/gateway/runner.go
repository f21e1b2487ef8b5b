package gateway

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// runnerOptions are the options that an Ollama model is loaded with. A request
// with others than the loaded ones makes it load the model again.
var runnerOptions = [...]string{"num_ctx", "num_batch", "num_gpu", "main_gpu", "use_mmap", "num_thread"}

// Their places in a runner.
const (
	numCtx  = 0
	numGPU  = 2
	useMMap = 4
)

// smallestCtx is what the engine takes for any smaller num_ctx.
const smallestCtx = 4

// runner are the options of one request, in the order of runnerOptions. The zero
// value leaves all of them to the model.
type runner [len(runnerOptions)]wish

// wish is a number, or for use_mmap 0 and 1. The zero value is the model's own.
type wish struct {
	given bool
	n     int64
}

// runnerOption is the place of a name; -1 = it is none.
func runnerOption(name []byte) int {
	for i, known := range runnerOptions {
		if string(name) == known {
			return i
		}
	}
	return -1
}

// readOption reads the value of the option at place i, as the engine does: a part
// behind the point is cut off, null says nothing, and what it refuses is left to
// it to refuse.
func readOption(i int, value string) wish {
	if i == useMMap {
		switch value {
		case "true":
			return wish{given: true, n: 1}
		case "false":
			return wish{given: true}
		}
		return wish{}
	}
	f, err := strconv.ParseFloat(value, 64)
	if err != nil {
		return wish{}
	}
	w := wish{given: true, n: int64(min(max(f, math.MinInt32), math.MaxInt32))}
	switch {
	case i == numGPU && w.n < 0: // as many layers as fit, which is what the model's own is
		return wish{}
	case i == numCtx:
		w.n = max(w.n, smallestCtx)
	}
	return w
}

// text is the value at place i for people: "8192", "true", "default".
func (r runner) text(i int) string {
	switch {
	case !r[i].given:
		return "default"
	case i == useMMap:
		return strconv.FormatBool(r[i].n == 1)
	}
	return strconv.FormatInt(r[i].n, 10)
}

// over is r with what it leaves open taken from the model's own values, as far as
// they are known.
func (r runner) over(own runner) runner {
	for i := range r {
		if !r[i].given {
			r[i] = own[i]
		}
	}
	return r
}

// reloads is the first place in which a request with the options next makes an
// engine load a model again that it has loaded with r; -1 = there is none. Where
// next leaves num_gpu open any number will do.
func (r runner) reloads(next runner) int {
	for i := range r {
		if r[i] != next[i] && (i != numGPU || next[i].given) {
			return i
		}
	}
	return -1
}

// keepAlive is how long a request wants its model to stay loaded behind it. The
// zero value says nothing.
type keepAlive struct {
	given bool
	d     time.Duration
}

// usualKeepAlive is how long an engine keeps a model of which no request said
// how long.
const usualKeepAlive = 5 * time.Minute

// forever is how long a model stays that is to stay for ever.
const forever = time.Duration(math.MaxInt64)

// readKeepAlive reads a JSON value as the engine does: a number of seconds or a
// duration in words, below zero for ever.
func readKeepAlive(value string) keepAlive {
	if quoted, ok := strings.CutPrefix(value, `"`); ok {
		d, err := time.ParseDuration(unquote([]byte(strings.TrimSuffix(quoted, `"`))))
		if err != nil {
			return keepAlive{}
		}
		if d < 0 {
			d = forever
		}
		return keepAlive{true, d}
	}
	s, err := strconv.ParseFloat(value, 64)
	switch {
	case err != nil:
		return keepAlive{}
	case s < 0, s >= forever.Seconds():
		return keepAlive{true, forever}
	}
	return keepAlive{true, time.Duration(s * float64(time.Second))}
}

// text is k for people: "0", "30s", "5m".
func (k keepAlive) text() string {
	switch {
	case !k.given:
		return "default"
	case k.d == 0:
		return "0"
	}
	return span(k.d)
}

// span writes a duration without the zeros that time writes: "5m", "1h30m".
func span(d time.Duration) string {
	s := d.String()
	s = strings.TrimSuffix(s, "0s")
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	if s == "" || s[len(s)-1] >= '0' && s[len(s)-1] <= '9' {
		return d.String()
	}
	return s
}
