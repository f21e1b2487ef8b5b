package chart

import (
	"math"
	"strconv"
)

// intervals is how many steps an axis has at the most.
const intervals = 4

// scale is a y axis from 0 to top in round steps.
type scale struct {
	top, step float64
}

// niceScale is the smallest scale of at most four steps of 1, 2 or 5 times a
// power of ten that reaches top. Whole steps are at least 1.
func niceScale(top float64, whole bool) scale {
	if top <= 0 || math.IsInf(top, 0) || math.IsNaN(top) {
		top = 1
	}
	power := math.Pow(10, math.Floor(math.Log10(top/intervals)))
	for {
		for _, m := range []float64{1, 2, 5} {
			step := m * power
			if whole && step < 1 {
				continue
			}
			if n := math.Ceil(top/step - 1e-9); n <= intervals {
				return scale{top: n * step, step: step}
			}
		}
		power *= 10
	}
}

func (s scale) ticks() int { return int(math.Round(s.top/s.step)) + 1 }

func (s scale) tick(i int) float64 { return float64(i) * s.step }

// label writes tick i with the digits that its step needs.
func (s scale) label(i int) string {
	digits := max(0, -int(math.Floor(math.Log10(s.step)+1e-9)))
	return strconv.FormatFloat(s.tick(i), 'f', digits, 64)
}

// format writes a value for reading: two digits that matter below 10, whole
// numbers above.
func format(v float64, whole bool) string {
	switch {
	case math.IsNaN(v):
		return "–"
	case whole || v == 0 || math.Abs(v) >= 9.95:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case math.Abs(v) < 0.095:
		return strconv.FormatFloat(v, 'f', 3, 64)
	case math.Abs(v) < 0.995:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'f', 1, 64)
}
