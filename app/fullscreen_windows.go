package app

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

var notificationState = windows.NewLazySystemDLL("shell32.dll").NewProc("SHQueryUserNotificationState")

// What SHQueryUserNotificationState answers (shellapi.h).
const (
	stateBusy         = 2 // a program fills the screen, or Presentation Settings are on
	stateFullscreen3D = 3
	statePresentation = 4
)

// fullscreen is what fills the screen, for people; "" = nothing does, or Windows does
// not say.
func fullscreen() string {
	if notificationState.Find() != nil {
		return ""
	}
	var state uint32
	if failed, _, _ := notificationState.Call(uintptr(unsafe.Pointer(&state))); failed != 0 {
		return ""
	}
	switch state {
	case stateFullscreen3D:
		return "a game"
	case statePresentation:
		return "a presentation"
	case stateBusy:
		return "a program"
	}
	return ""
}
