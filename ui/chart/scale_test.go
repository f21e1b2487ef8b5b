package chart

import (
	"math"
	"strings"
	"testing"
)

func TestNiceScale(t *testing.T) {
	tests := []struct {
		top     float64
		measure Measure
		whole   bool
		want    string
	}{
		{0, Number, false, "0.0 0.5 1.0"},
		{0, Number, true, "0 1"},
		{176, Number, false, "0 50 100 150 200"},
		{8, Number, true, "0 2 4 6 8"},
		{1, Number, true, "0 1"},
		{1.3, Number, false, "0.0 0.5 1.0 1.5"},
		{0.045, Number, false, "0.00 0.02 0.04 0.06"},
		{24, Number, false, "0 10 20 30"},
		{8000, Number, false, "0 2000 4000 6000 8000"},
		{9900, Number, false, "0 5k 10k"},
		{12e6, Number, false, "0 5M 10M 15M"},
		{math.NaN(), Number, false, "0.0 0.5 1.0"},
		{24 << 30, Bytes, false, "0 | 8 GiB | 16 GiB | 24 GiB"},
		{1.3 * (1 << 30), Bytes, false, "0 | 512 MiB | 1 GiB | 1.5 GiB"},
		{900 << 20, Bytes, false, "0 | 256 MiB | 512 MiB | 768 MiB | 1 GiB"},
		{0, Bytes, false, "0 | 1 B"},
		{1.3, Seconds, false, "0 | 0.5 s | 1.0 s | 1.5 s"},
		{0.9, Seconds, false, "0 | 0.5 s | 1.0 s"},
		{0.042, Seconds, false, "0 | 20 ms | 40 ms | 60 ms"},
		{3600, Seconds, false, "0 | 20 min | 40 min | 60 min"},
		{9000, Seconds, false, "0 | 1 h | 2 h | 3 h"},
	}
	for _, tt := range tests {
		s := niceScale(tt.top, tt.measure, tt.whole)
		var labels []string
		for i := range s.ticks() {
			labels = append(labels, s.label(i))
		}
		got := strings.Join(labels, " ")
		if tt.measure != Number {
			got = strings.Join(labels, " | ")
		}
		if got != tt.want {
			t.Errorf("niceScale(%v, %v, %v) = %q, want %q", tt.top, tt.measure, tt.whole, got, tt.want)
		}
	}
}

func TestWords_WriteForReading(t *testing.T) {
	tests := []struct {
		measure Measure
		whole   bool
		v       float64
		want    string
	}{
		{Number, false, 0, "0 x"},
		{Number, false, 0.0421, "0.042 x"},
		{Number, false, 0.42, "0.42 x"},
		{Number, false, 0.999, "1.0 x"},
		{Number, false, 1.34, "1.3 x"},
		{Number, false, 9.96, "10 x"},
		{Number, false, 61.4, "61 x"},
		{Number, false, 176, "176 x"},
		{Number, true, 4, "4 x"},
		{Number, false, 9876, "9876 x"},
		{Number, false, 12345, "12.3k x"},
		{Number, true, 12e6, "12M x"},
		{Number, true, 0.5, "0 x"},
		{Number, false, math.NaN(), "–"},
		{Bytes, false, 0, "0"},
		{Bytes, false, 10.8 * (1 << 30), "10.8 GiB"},
		{Bytes, false, 512 << 20, "512 MiB"},
		{Bytes, false, 900, "900 B"},
		{Seconds, false, 0.042, "42 ms"},
		{Seconds, false, 0.4, "400 ms"},
		{Seconds, false, 1.34, "1.3 s"},
		{Seconds, false, 100, "100 s"},
		{Seconds, false, 150, "2.5 min"},
		{Seconds, false, 9000, "2.5 h"},
	}
	var w words
	for _, tt := range tests {
		d := Data{Measure: tt.measure, Whole: tt.whole, Unit: " x"}
		if got := w.value(&d, tt.v); got != tt.want {
			t.Errorf("%v of measure %v reads %q, want %q", tt.v, tt.measure, got, tt.want)
		}
	}
}

func TestWords_OfAWholeArePercent(t *testing.T) {
	var w words
	d := Data{Measure: Bytes}
	s := Series{Values: []float64{3 << 30, math.NaN()}, Of: 12 << 30}
	if got := w.of(&d, &s, 0) + " " + w.of(&d, &s, 1); got != "25 % –" {
		t.Errorf("got %q", got)
	}
}
