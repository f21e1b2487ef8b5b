package chart

import (
	"math"
	"strconv"
)

// Measure is what the values are, and so how they are written.
type Measure int

// The measures.
const (
	Number  Measure = iota // 950, 12.3k, 4.5M, each with Data.Unit
	Bytes                  // 512 MiB, 1.5 GiB; the axis has powers of two
	Seconds                // 40 ms, 1.3 s, 12 min, 3 h
)

// step is a unit of a measure: how many of the base unit, and its name.
type step struct {
	size float64
	name string
}

// steps are the units of each measure, rising.
var steps = [...][]step{
	Number:  {{1, ""}, {1e3, "k"}, {1e6, "M"}, {1e9, "G"}, {1e12, "T"}},
	Bytes:   {{1, " B"}, {1 << 10, " KiB"}, {1 << 20, " MiB"}, {1 << 30, " GiB"}, {1 << 40, " TiB"}},
	Seconds: {{1e-6, " µs"}, {1e-3, " ms"}, {1, " s"}, {60, " min"}, {3600, " h"}},
}

// from is the least value that is written in the i-th unit: numbers keep their
// digits up to ten thousand, minutes and hours begin with two.
func (m Measure) from(i int) float64 {
	size := steps[m][i].size
	switch {
	case m == Number && i == 1:
		return 10 * size
	case m == Seconds && size >= 60:
		return 2 * size
	}
	return size
}

// unit is the one to write v in.
func (m Measure) unit(v float64) step {
	best := steps[m][0]
	for i, s := range steps[m] {
		if math.Abs(v) >= m.from(i)*(1-1e-9) {
			best = s
		}
	}
	return best
}

// appendValue writes a value for reading: two digits that matter below 10 and
// three above, none behind the point from 100 on or where there are none, "–"
// for NaN.
func (d *Data) appendValue(b []byte, v float64) []byte {
	if math.IsNaN(v) {
		return append(b, "–"...)
	}
	u := d.Measure.unit(v)
	scaled := math.Abs(v / u.size)
	digits := 1
	switch {
	case scaled == math.Round(scaled) || scaled >= 99.5 || u.size == 1 && (d.Whole || scaled >= 9.95):
		digits = 0
	case scaled < 0.0995:
		digits = 3
	case scaled < 0.995:
		digits = 2
	}
	b = strconv.AppendFloat(b, v/u.size, 'f', digits, 64)
	if v == 0 && d.Measure != Number {
		return b
	}
	b = append(b, u.name...)
	if d.Measure == Number {
		b = append(b, d.Unit...)
	}
	return b
}

// words keeps the texts that were written, so that writing one again allocates
// nothing.
type words struct {
	kept   map[string]string
	buffer []byte
}

// mostWords is how many texts are kept before all are forgotten: some tens of
// kilobytes.
const mostWords = 1000

// of is a series' i-th value in words.
func (w *words) of(d *Data, s *Series, i int) string {
	v := s.Values[i]
	if s.Of == 0 || math.IsNaN(v) {
		return w.value(d, v)
	}
	w.buffer = append(strconv.AppendFloat(w.buffer[:0], 100*v/s.Of, 'f', 0, 64), " %"...)
	return w.written()
}

// value is v in words.
func (w *words) value(d *Data, v float64) string {
	w.buffer = d.appendValue(w.buffer[:0], v)
	return w.written()
}

func (w *words) written() string {
	if known, ok := w.kept[string(w.buffer)]; ok {
		return known
	}
	if w.kept == nil || len(w.kept) >= mostWords {
		w.kept = map[string]string{}
	}
	made := string(w.buffer)
	w.kept[made] = made
	return made
}
