package ui

import (
	"reflect"
	"strconv"
	"testing"
)

// settingsNow are settings that undo looks at.
type settingsNow map[string]string

// back undoes the last change and puts it in force.
func (s settingsNow) back(u *undo) (former, bool) {
	f, ok := u.back(func(key string) string { return s[key] })
	if ok {
		s[f.key] = f.value
	}
	return f, ok
}

func (s settingsNow) all(u *undo) (all []former) {
	for f, ok := s.back(u); ok; f, ok = s.back(u) {
		all = append(all, f)
	}
	return all
}

func TestUndo_ADragIsOneStep(t *testing.T) {
	var u undo
	u.note("size", "8", "9", false)
	u.note("size", "9", "10", false)
	u.note("size", "10", "12", true)
	u.note("mode", "fixed", "static", true)
	u.note("size", "12", "12", true) // nothing changed
	got := settingsNow{"size": "12", "mode": "static"}.all(&u)
	if want := []former{{"mode", "fixed"}, {"size", "8"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestUndo_AnAbandonedDragDoesNotMixWithAnotherSetting(t *testing.T) {
	var u undo
	u.note("size", "8", "9", false)
	u.note("wait", "50", "75", true)
	got := settingsNow{"size": "9", "wait": "75"}.all(&u)
	if want := []former{{"wait", "50"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestUndo_WhatWasChangedElsewhereStays(t *testing.T) {
	var u undo
	u.note("wait", "50", "75", true)
	u.note("size", "8", "12", true)
	got := settingsNow{"size": "16", "wait": "75"}.all(&u)
	if want := []former{{"wait", "50"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestUndo_ForgetsTheOldest(t *testing.T) {
	var u undo
	last := strconv.Itoa(mostSteps + 5)
	for i := range mostSteps + 5 {
		u.note("size", strconv.Itoa(i), strconv.Itoa(i+1), true)
	}
	got := settingsNow{"size": last}.all(&u)
	if n := len(got); n != mostSteps || got[n-1].value != "5" {
		t.Errorf("%d steps, to %v", n, got)
	}
}
