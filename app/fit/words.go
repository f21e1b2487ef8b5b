package fit

import "fmt"

const (
	mib = 1 << 20
	gib = 1 << 30
)

// slower is said of a model that runs on the CPU in part.
const slower = "on the CPU, several times slower"

func words(f Fit, free Free) string {
	says := takes(f.Need)
	if f.Weights == 0 {
		return says
	}
	if !free.Known {
		return says + "; how much memory is free is not known"
	}
	says += fmt.Sprintf("; %s are free", Bytes(free.Bytes))
	switch {
	case f.Fits:
		return says + ": fits"
	case f.Judged:
		return says + fmt.Sprintf(": %s too much, part of it will run %s", Bytes(f.Spill), slower)
	case f.Need.Known && f.AtMost:
		return says + fmt.Sprintf(": up to %s too much, part of it may run %s", Bytes(f.Spill), slower)
	}
	return says
}

// takes says what a model needs.
func takes(n Need) string {
	switch {
	case n.Weights == 0:
		return "how large it is is not told"
	case !n.Known:
		return fmt.Sprintf("the weights take %s; what a slot takes is not told", Bytes(n.Weights))
	}
	take := "take"
	if n.Slots == 1 {
		take = "takes"
	}
	if n.AtMost {
		take += " at most"
	}
	return fmt.Sprintf("%s %s %s on top of %s of weights and %s to work in",
		slotsText(n.Slots, n.Context), take, Bytes(n.KV), Bytes(n.Weights), Bytes(n.Overhead))
}

func loadedWords(f Fit, all uint64, told bool) string {
	with := slotsText(f.Slots, f.Context)
	if !told {
		with = "slots of " + Tokens(f.Context)
	}
	if f.Fits {
		return fmt.Sprintf("loaded with %s: %s, all of it on the GPU", with, Bytes(all))
	}
	return fmt.Sprintf("loaded with %s: %s of its %s run %s", with, Bytes(f.Spill), Bytes(all), slower)
}

// advice is the nearest that would fit: fewer slots, a smaller context, or a
// smaller model.
func advice(m Model, n Need, free Free) string {
	if !n.Known || !free.Known {
		return ""
	}
	fits := func(slots, context int) bool { return NewNeed(m, slots, context).Total <= free.Bytes }
	for slots := n.Slots - 1; slots >= 1; slots-- {
		if fits(slots, n.Context) {
			return slotsText(slots, n.Context) + " would fit"
		}
	}
	const least = 2048 // tokens that still are of use
	for context := n.Context / 2; context >= least; context /= 2 {
		if fits(1, context) {
			return slotsText(1, context) + " would fit"
		}
	}
	if m.Weights > free.Bytes {
		return "a smaller model or quantization would fit"
	}
	return ""
}

// slotsText is a number of slots and their context: "8 slots of 32k".
func slotsText(slots, context int) string {
	if slots == 1 {
		return "1 slot of " + Tokens(context)
	}
	return fmt.Sprintf("%d slots of %s", slots, Tokens(context))
}

// Tokens is a size of context for people: "32k" where it is whole, else
// "10000 tokens".
func Tokens(n int) string {
	if n >= 1024 && n%1024 == 0 {
		return fmt.Sprintf("%dk", n/1024)
	}
	return fmt.Sprintf("%d tokens", n)
}

// Bytes is a size for people, as nvidia-smi and ollama count it: "9.1 GiB".
func Bytes(n uint64) string {
	switch {
	case n == 0:
		return "0 GiB"
	case n >= gib/10:
		return fmt.Sprintf("%.1f GiB", float64(n)/gib)
	case n >= mib/10:
		return fmt.Sprintf("%.1f MiB", float64(n)/mib)
	}
	return fmt.Sprintf("%.1f KiB", float64(n)/1024)
}
