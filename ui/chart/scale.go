package chart

import (
	"math"
	"strconv"
)

// intervals is how many steps an axis has at the most.
const intervals = 4

// scale is a y axis from 0 to top in round steps, written in one unit.
type scale struct {
	top, step float64
	unit      step
	measure   Measure
}

// niceScale is the smallest scale of at most four round steps that reaches top.
// Round are 1, 2 and 5 times a power of ten of the unit, for bytes powers of two.
// Whole steps are at least 1.
func niceScale(top float64, m Measure, whole bool) scale {
	if !(top > 0) || math.IsInf(top, 0) {
		top = 1
	}
	s := scale{unit: m.unit(top), measure: m}
	s.fit(top, whole)
	if better := m.unit(s.top); better != s.unit { // 0.9 s ends at 1 s, not at 1000 ms
		s.unit = better
		s.fit(top, whole)
	}
	return s
}

func (s *scale) fit(top float64, whole bool) {
	round := []float64{1, 2, 5}
	power := s.unit.size * math.Pow(10, math.Floor(math.Log10(top/s.unit.size/intervals)))
	next := 10.0
	if s.measure == Bytes {
		whole = true
		round, next = round[:1], 2
		power = math.Exp2(math.Floor(math.Log2(top / intervals)))
	}
	for ; ; power *= next {
		for _, m := range round {
			s.step = m * power
			if whole && s.step < 1 {
				continue
			}
			if n := math.Ceil(top/s.step - 1e-9); n <= intervals {
				s.top = n * s.step
				return
			}
		}
	}
}

func (s scale) ticks() int { return int(math.Round(s.top/s.step)) + 1 }

func (s scale) tick(i int) float64 { return float64(i) * s.step }

// label writes tick i with the digits that its step needs.
func (s scale) label(i int) string {
	v, u := s.tick(i), s.unit
	if s.measure != Number && v == 0 {
		return "0"
	}
	if s.measure == Bytes {
		u = s.measure.unit(v)
		return strconv.FormatFloat(v/u.size, 'f', -1, 64) + u.name
	}
	digits := max(0, -int(math.Floor(math.Log10(s.step/u.size)+1e-9)))
	name := u.name
	if v == 0 {
		name = ""
	}
	return strconv.FormatFloat(v/u.size, 'f', digits, 64) + name
}
