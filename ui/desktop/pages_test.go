//go:build desktop && linux && !headless

package desktop_test

import (
	"testing"

	"carpool/backends/backendstest"
)

func TestPages_OpenByMouseAndByKey(t *testing.T) {
	s := newSession(t)
	c := s.open(backendstest.New(t).URL)
	win := c.window()
	win.activate()
	win.tap("Tune")
	win.await("Changes act at once. Requests on the GPU are never touched.")
	win.key("ctrl+1")
	win.await("On the GPU")
	win.tap("Settings")
	win.key("ctrl+2")
	win.await("Changes act at once. Requests on the GPU are never touched.")
}
