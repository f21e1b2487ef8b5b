// Package fit estimates what a model would take of a GPU before an engine loads
// it, and says whether that fits. It is pure: sizes in, words out.
//
// The estimate is the weights, one KV cache for each slot, and Overhead. It knows
// nothing of images, of drafts, nor of a cache of another type than f16: what an
// engine says of a model that it has loaded goes before it (see Loaded).
package fit

// Overhead is the bytes that an engine takes on a GPU beside weights and caches, or
// sets aside there: 457 MiB for the driver's context, which Ollama keeps free for it
// (ml.DeviceInfo.MinimumMemory, 0.17.4), and 258 MiB for the logits of a batch of
// 512 tokens over a vocabulary of 128,256, the largest buffer of a model of 8
// billion parameters with flash attention (fs/ggml GraphSize: 4 × 512 × (4096 +
// 128256) bytes). It is a constant, not a measurement: larger batches take more, and
// so does what Model.WorkPerToken tells, in place of the logits.
const Overhead = driver + logits

const (
	driver = 457 << 20
	logits = 258 << 20
)

// batch is how many tokens beyond its window a windowed cache holds, once for all
// slots.
const batch = 512

// Model is the sizes of one, in bytes but for Window.
type Model struct {
	Known          bool   // all but the weights is told
	AtMost         bool   // it may take less
	Weights        uint64 // 0 = not told
	KVPerToken     uint64 // in layers that hold the whole context
	WindowPerToken uint64 // in those that hold a window of it
	Window         int    // tokens
	State          uint64 // of a request, whatever its context
	WorkPerToken   uint64 // set aside for computations, for each token of context of all slots; 0 = none, or not told
}

// Need is what a model takes with a number of slots, in bytes.
type Need struct {
	Weights     uint64 `json:"weights_bytes"` // 0 = not told
	KVPerSlot   uint64 `json:"kv_per_slot_bytes"`
	KVPerToken  uint64 `json:"kv_per_token_bytes"`  // that one more token of context takes
	KV          uint64 `json:"kv_bytes"`            // of all slots
	WorkPerSlot uint64 `json:"work_per_slot_bytes"` // of Overhead, once that is more than the least
	Overhead    uint64 `json:"overhead_bytes"`
	Total       uint64 `json:"total_bytes"`
	Slots       int    `json:"slots"`
	Context     int    `json:"context"` // tokens of a slot
	Known       bool   `json:"known"`   // else KV is missing from Total
	AtMost      bool   `json:"at_most"` // it may take less
}

// NewNeed adds up what a model takes with so many slots of so many tokens, each at
// least 1.
func NewNeed(m Model, slots, context int) Need {
	slots, context = max(slots, 1), max(context, 1)
	n := Need{Weights: m.Weights, WorkPerSlot: m.WorkPerToken * uint64(context), Slots: slots, Context: context,
		Known: m.Known && m.Weights > 0, AtMost: m.AtMost}
	n.Overhead = n.overhead(slots)
	if m.Known {
		n.KVPerToken = m.KVPerToken
		if context < m.Window {
			n.KVPerToken += m.WindowPerToken
		}
		held, extra := min(context, m.Window), 0
		if context > m.Window {
			extra = batch
		}
		n.KVPerSlot = m.KVPerToken*uint64(context) + m.WindowPerToken*uint64(held) + m.State
		n.KV = n.KVPerSlot*uint64(slots) + m.WindowPerToken*uint64(extra)
	}
	n.Total = n.Weights + n.KV + n.Overhead
	return n
}

func (n Need) overhead(slots int) uint64 { return driver + max(logits, n.WorkPerSlot*uint64(slots)) }

// With is Total with another number of slots, at least 1.
func (n Need) With(slots int) uint64 {
	return n.Total - n.KVPerSlot*uint64(n.Slots) - n.Overhead + n.KVPerSlot*uint64(slots) + n.overhead(slots)
}

// Fit is whether a model fits the GPU that its engine runs on.
type Fit struct {
	Engine string `json:"engine"`
	Model  string `json:"model"`
	Need   `json:"need"`
	Free   uint64 `json:"free_bytes"` // for it, its own memory and what the engine would evict included
	Judged bool   `json:"judged"`     // else Fits means nothing: the need or the free memory is not known well enough
	Fits   bool   `json:"fits"`
	Loaded bool   `json:"loaded"`           // it is, and Fits is what the engine says
	Spill  uint64 `json:"spill_bytes"`      // of it that run, or would run, on the CPU
	Words  string `json:"words"`            // for people
	Advice string `json:"advice,omitempty"` // what would make it fit; "" = nothing to say
}

// Reason is what it says, and what would be better.
func (f Fit) Reason() string {
	if f.Advice == "" {
		return f.Words
	}
	return f.Words + "; " + f.Advice
}

// Question asks of a model with other slots or another context than it has. The
// zero value asks of all models, as they are.
type Question struct {
	Engine  string // "" = any
	Model   string // "" = those that are loaded or were used
	Slots   int    // 0 = as the engine has
	Context int    // tokens; 0 = as the engine has
}

// Free is a GPU's memory that a model can have; the zero value is not known.
type Free struct {
	Bytes uint64
	Known bool
}

// Judge compares a need with what is free. An estimate that is only a bound is no
// proof that something does not fit.
func Judge(m Model, n Need, free Free) Fit {
	f := Fit{Need: n, Free: free.Bytes}
	if n.Total > free.Bytes {
		f.Spill = n.Total - free.Bytes
	}
	f.Fits = free.Known && n.Known && f.Spill == 0
	least := n.Weights
	if n.Known && !n.AtMost {
		least = n.Total
	}
	f.Judged = free.Known && (f.Fits || least > free.Bytes)
	if !free.Known {
		f.Spill = 0
	}
	f.Words = words(f, free)
	if f.Judged && !f.Fits {
		f.Advice = advice(m, n, free)
	}
	return f
}

// Loaded is the fit of a model that is loaded, by what its engine says: the bytes
// that it takes, and those of them that are on the GPU. told says whether the slots of
// the need are those that it is loaded with, or none are known.
func Loaded(m Model, n Need, free Free, all, onGPU uint64, told bool) Fit {
	f := Fit{Need: n, Free: free.Bytes, Judged: true, Loaded: true, Fits: onGPU >= all}
	f.Spill = all - min(all, onGPU)
	f.Words = loadedWords(f, all, told)
	if !f.Fits {
		f.Advice = advice(m, n, free)
	}
	return f
}

// Taken is the fit of a model that is loaded by an engine that does not say where:
// there is nothing left to judge.
func Taken(n Need) Fit { return Fit{Need: n, Loaded: true, Words: "loaded: " + takes(n)} }
