package ui

import (
	"testing"
	"time"
)

func TestMenuPace(t *testing.T) {
	var p MenuPace
	at := func(s float64) time.Time { return now.Add(time.Duration(s * float64(time.Second))) }
	build := func(s float64, want bool, why string) {
		t.Helper()
		if p.Build(at(s)) != want {
			t.Errorf("after %v s: build is %v, %s", s, !want, why)
		}
	}
	build(0, true, "though it never was built")
	build(1.9, false, "though it was built 1.9 s ago")
	build(2, true, "though it was built 2 s ago")
	p.Opened(at(5))
	build(6, false, "though it is open")
	p.Clicked()
	build(6.1, true, "though a click has closed it")
	p.Opened(at(20))
	build(29.9, false, "though it is open")
	build(30, true, "though nobody leaves a menu open for that long")
}

// The state changes ten times a second, and the tray looks each time.
func TestMenuPace_LetsTheLastStateThrough(t *testing.T) {
	var p MenuPace
	shown, built := -1, 0
	look := func(i, state int) {
		if state != shown && p.Build(now.Add(time.Duration(i)*100*time.Millisecond)) {
			shown = state
			built++
		}
	}
	const changes = 200
	for i := range changes {
		look(i, i)
	}
	for i := range 30 { // what comes after are snapshots of the same state
		look(changes+i, changes-1)
	}
	if shown != changes-1 {
		t.Errorf("the menu shows state %d, the last is %d", shown, changes-1)
	}
	if built > 1+(changes+30)/20 {
		t.Errorf("built %d times in 23 s", built)
	}
}
