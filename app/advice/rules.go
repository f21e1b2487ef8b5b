package advice

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// off: batching is off, and requests wait for one another.
func off(f Facts) (Advice, bool) {
	if !f.Serial || f.Busy < leastBusy || f.Waiting < 1 {
		return Advice{}, false
	}
	return Advice{
		Kind:   "off",
		Title:  "Batching is off: " + figure(f.Waiting) + " wait on average",
		Text:   fmt.Sprintf("One request runs at a time; over %s %s waited for it. Together they would share the GPU.", span(f.Span), figure(f.Waiting)),
		Button: "Turn on", Key: "batching.enabled", Value: "true",
	}, true
}

// slots: the engine is what keeps requests waiting, and can be told to run more.
func slots(f Facts) (Advice, bool) {
	m := f.Model
	if f.Off || f.Busy < leastBusy || f.Waiting < 1 || !m.full() || m.Hint == "" || m.Fits > 0 && m.Fits <= m.Slots {
		return Advice{}, false
	}
	a := Advice{Kind: "slots", Title: fmt.Sprintf("%s runs only %d at once", m.Label, m.Slots), Button: "Show how", Engine: m.Engine}
	if m.Slots == 1 {
		a.Title = m.Label + " runs one request at a time"
	}
	a.Text = fmt.Sprintf("Over %s %s requests waited on average, and no setting here lets more in.", span(f.Span), figure(f.Waiting))
	if m.Fits > 0 {
		a.Text += fmt.Sprintf(" The GPU's memory carries %d of %s at once.", m.Fits, m.Name)
	} else {
		a.Text += " Most GPUs carry 4 at once."
	}
	return a, true
}

// full tells whether the engine, rather than a setting, bounds what runs.
func (m Model) full() bool { return m.Slots > 0 && (m.Limit == 0 || m.Limit >= m.Slots) }

// reload: apps make the engine load a model again and again.
func reload(f Facts) (Advice, bool) {
	if len(f.Reloads) == 0 {
		return Advice{}, false
	}
	r := f.Reloads[0]
	a := Advice{Kind: "reload", Title: r.Model + " is loaded again and again", Text: r.Text + ".", Key: r.Key, Value: r.Value}
	if r.Key != "" {
		a.Button = "One size for all"
	}
	return a, true
}

// queue: many wait, whom a larger size would let in.
func queue(f Facts) (Advice, bool) {
	m := f.Model
	if _, told := slots(f); told || f.Off || f.Busy < leastBusy || f.Waiting <= deepQueue {
		return Advice{}, false
	}
	a := Advice{Kind: "queue", Title: "Queue is deep: " + figure(f.Waiting) + " on average"}
	const compute = " More needs compute: a second engine or GPU, or a smaller model."
	most := min(2*f.Size, f.SizeMost)
	why := "it is not told how many the engine runs at once, so go step by step."
	if m.Slots > 0 {
		most, why = min(most, m.Slots), fmt.Sprintf("%s has %d slots for %s.", m.Label, m.Slots, m.Name)
	} else if m.Fits > 0 {
		most, why = min(most, m.Fits), fmt.Sprintf("the GPU's memory carries %d of %s at once.", m.Fits, m.Name)
	}
	switch {
	case m.full():
		a.Text = fmt.Sprintf("%s runs %d at once, and so many do run.", m.Label, m.Slots) + compute
	case f.Mode == "adaptive" && m.Limit > 0 && m.Limit < f.Size:
		a.Text = fmt.Sprintf("Adaptive batching lets %d of at most %d in, as more at once would not be faster.", m.Limit, f.Size) + compute
	case f.tooSlow(f.pace()):
		a.Text = fmt.Sprintf("A token already takes %s, and the target is %s.", milliseconds(f.pace().Token), milliseconds(f.Target)) + compute
	case most <= f.Size:
		a.Text = fmt.Sprintf("%d may run at once; %s", f.Size, why) + compute
	default:
		a.Text = fmt.Sprintf("Raise the size from %d to %d: %s", f.Size, most, why)
		a.Button, a.Key, a.Value = fmt.Sprintf("Apply %d", most), f.SizeKey, strconv.Itoa(most)
	}
	return a, true
}

// slow: so many at once that each stream is slower than is wanted. In adaptive mode
// the governor sees to that.
func slow(f Facts) (Advice, bool) {
	p := f.pace()
	if f.Off || f.Mode == "adaptive" || p.Running < 2 || !f.tooSlow(p) {
		return Advice{}, false
	}
	size := max(int(float64(p.Running)*float64(f.Target)/float64(p.Token)), 1)
	expected := "streams speed up about as their number falls."
	for _, other := range f.Model.Paces {
		if other.Seconds >= leastPace && other.Running < p.Running && other.Token <= f.Target {
			size = other.Running
			expected = fmt.Sprintf("with %d it was %s.", size, milliseconds(other.Token))
		}
	}
	if size >= f.Size {
		return Advice{}, false
	}
	return Advice{
		Kind:  "slow",
		Title: "Streams are slow: " + milliseconds(p.Token) + " a token",
		Text: fmt.Sprintf("That was measured with %d at once over %d s; the target is %s. Lower the size: %s",
			p.Running, p.Seconds, milliseconds(f.Target), expected),
		Button: fmt.Sprintf("Apply %d", size), Key: f.SizeKey, Value: strconv.Itoa(size),
	}, true
}

// pace is that of the most streams at once of which enough was seen.
func (f Facts) pace() (most Pace) {
	for _, p := range f.Model.Paces {
		if p.Seconds >= leastPace && p.Running > most.Running {
			most = p
		}
	}
	return most
}

func (f Facts) tooSlow(p Pace) bool { return float64(p.Token) > slowPart*float64(f.Target) }

// embeddings: what merging them gains, or would.
func embeddings(f Facts) (Advice, bool) {
	switch {
	case f.Off:
	case !f.Merging && f.Embeddings >= leastCalls:
		return Advice{
			Kind:   "embeddings",
			Title:  "Embeddings go one by one",
			Text:   fmt.Sprintf("%d calls for embeddings came in %s. Those that arrive while one is running can become one call, with the same answers.", f.Embeddings, span(f.Span)),
			Button: "Merge them", Key: "embeddings.merge", Value: "true",
		}, true
	case f.Merging && f.Merged >= leastCalls && f.MergedInto > 0:
		return Advice{
			Kind:  "embeddings",
			Title: "Embeddings are merged",
			Text:  fmt.Sprintf("%d calls became %d in %s: nothing to do.", f.Merged, f.MergedInto, span(f.Span)),
		}, true
	}
	return Advice{}, false
}

// small: there is room that nobody asks for.
func small(f Facts) (Advice, bool) {
	if f.Off || f.Busy < leastBusy || f.Requests < leastRequests || f.Batches == 0 {
		return Advice{}, false
	}
	if f.Mode == "static" {
		return smallBatches(f)
	}
	limit := f.Model.Limit
	if limit < 2 || f.Waiting >= 1 || f.Running >= smallPart*float64(limit) {
		return Advice{}, false
	}
	return Advice{
		Kind:  "small",
		Title: fmt.Sprintf("Little to share: %s of %d at once", figure(f.Running), limit),
		Text:  fmt.Sprintf("At %s there is seldom company. No setting will help.", f.rate()),
	}, true
}

// smallBatches: a batch goes before it is half full. A longer wait fills it only if
// requests come often enough.
func smallBatches(f Facts) (Advice, bool) {
	size := float64(f.Requests) / float64(f.Batches)
	half := float64(f.Size) * smallPart
	if f.Size < 2 || size >= half {
		return Advice{}, false
	}
	a := Advice{Kind: "small", Title: fmt.Sprintf("Batches are small: %s of %d", figure(size), f.Size)}
	between := f.Span / time.Duration(f.Requests)
	wait := time.Duration(math.Ceil(half-1)) * between
	const step = 10 * time.Millisecond
	wait = (wait + step - 1) / step * step
	if wait <= f.Wait || wait > longestWait {
		a.Text = fmt.Sprintf("At %s a wait of %s gathers no more. No setting will help.", f.rate(), milliseconds(f.Wait))
		return a, true
	}
	a.Text = fmt.Sprintf("At %s few come within %s. A wait of %s gathers about half of %d, and holds a request for that long at the most.",
		f.rate(), milliseconds(f.Wait), milliseconds(wait), f.Size)
	a.Button = "Apply " + milliseconds(wait)
	a.Key, a.Value = "batching.max_batch_wait_ms", strconv.FormatInt(wait.Milliseconds(), 10)
	return a, true
}

// rate is how often requests come: "6 requests a minute", "3.1 requests a second".
func (f Facts) rate() string {
	perSecond := float64(f.Requests) / f.Span.Seconds()
	if perSecond >= 1 {
		return figure(perSecond) + " requests a second"
	}
	return figure(perSecond*60) + " requests a minute"
}

// figure is a number with as many places as tell something: "1.4", "12".
func figure(v float64) string {
	if v >= 9.95 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'f', 1, 64)
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%d ms", d.Round(time.Millisecond).Milliseconds())
}

// span is a time in words: "10 minutes", "90 s".
func span(d time.Duration) string {
	if d >= 2*time.Minute {
		return fmt.Sprintf("%.0f minutes", d.Minutes())
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}
