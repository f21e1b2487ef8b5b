package ui

import (
	"reflect"
	"strconv"
	"testing"
)

func TestUndo_ADragIsOneStep(t *testing.T) {
	var u undo
	u.note("size", "8", "9", false)
	u.note("size", "9", "10", false)
	u.note("size", "10", "12", true)
	u.note("mode", "fixed", "static", true)
	u.note("size", "12", "12", true) // nothing changed
	var got []former
	for s, ok := u.back(); ok; s, ok = u.back() {
		got = append(got, s)
	}
	if want := []former{{"mode", "fixed"}, {"size", "8"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestUndo_AnAbandonedDragDoesNotMixWithAnotherSetting(t *testing.T) {
	var u undo
	u.note("size", "8", "9", false)
	u.note("wait", "50", "75", true)
	if s, _ := u.back(); s != (former{"wait", "50"}) {
		t.Errorf("got %v", s)
	}
	if s, ok := u.back(); ok {
		t.Errorf("another step: %v", s)
	}
}

func TestUndo_ForgetsTheOldest(t *testing.T) {
	var u undo
	for i := range mostSteps + 5 {
		u.note("size", strconv.Itoa(i), strconv.Itoa(i+1), true)
	}
	n := 0
	last := former{}
	for s, ok := u.back(); ok; s, ok = u.back() {
		n, last = n+1, s
	}
	if n != mostSteps || last.value != "5" {
		t.Errorf("%d steps, the oldest to %q", n, last.value)
	}
}
