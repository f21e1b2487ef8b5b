package doctor

import (
	"fmt"
)

func display(f Facts) []Finding {
	const check = "display"
	d := f.Display
	switch {
	case d.Needless:
		return one(check, OK, "This system always has a display.", "", "")
	case d.Unset:
		return one(check, Note, "No display is named here (DISPLAY, WAYLAND_DISPLAY), so there is no window.",
			"On a server that is as it should be: run Carpool without a window.", "carpool serve")
	case d.Problem != "":
		return one(check, Problem, "The display cannot be reached: "+d.Problem+".",
			"Start Carpool from a terminal of the desktop, or without a window.", "carpool serve")
	}
	return one(check, OK, d.Name+" can be reached.", "", "")
}

func sessionBus(f Facts) []Finding {
	const check = "tray"
	b := f.Bus
	switch {
	case b.Needless:
		return one(check, OK, "This system always has a tray.", "", "")
	case f.Display.Unset:
		return one(check, OK, "Without a display no tray is needed.", "", "")
	case b.Unset:
		return one(check, Note, "No session bus is named here (DBUS_SESSION_BUS_ADDRESS), so there is neither tray nor notification.",
			"Start Carpool from the desktop.", "")
	case b.Problem != "":
		return one(check, Problem, "The session bus does not answer: "+b.Problem+".", "Log in again.", "")
	case !b.Tray:
		return one(check, Note, "Nobody shows tray icons on this desktop. Carpool keeps its window instead.",
			"On GNOME, install the extension AppIndicator (gnome-shell-extension-appindicator).", "")
	}
	return one(check, OK, "The desktop shows tray icons.", "", "")
}

func disk(f Facts) []Finding {
	const (
		check = "disk"
		least = 100 << 20 // the history stops growing soon
		scant = 1 << 30
	)
	d := f.Disk
	clear := "Free some space, or keep less history."
	run := "carpool set history.max_mib=100"
	switch {
	case d.Total == 0:
		return one(check, Note, "How full the disk of the state folder is cannot be seen.", "", "")
	case d.Full:
		return one(check, Problem, "No more files can be made on the disk of the state folder (no inodes left).", "Delete files there. How many each disk still takes is shown by:", "df -i")
	case d.Free < least:
		return one(check, Problem, fmt.Sprintf("The disk of the state folder is full: %s left.", size(d.Free)), clear, run)
	case d.Free < scant:
		return one(check, Note, fmt.Sprintf("The disk of the state folder is nearly full: %s left.", size(d.Free)), clear, run)
	}
	return one(check, OK, fmt.Sprintf("%s free for the history, which takes %s.", size(d.Free), size(f.History.Bytes)), "", "")
}

// size is bytes as people read them.
func size(b uint64) string {
	for _, u := range []struct {
		size uint64
		name string
	}{{1 << 40, "TiB"}, {1 << 30, "GiB"}, {1 << 20, "MiB"}} {
		if b >= u.size {
			return fmt.Sprintf("%.1f %s", float64(b)/float64(u.size), u.name)
		}
	}
	return fmt.Sprintf("%d KiB", b>>10)
}

func files(f Facts) []Finding {
	const (
		check = "open files"
		spare = 1024 // what Carpool keeps for engines and files of its own
	)
	if n := uint64(max(f.Settings.Connections, 0)); f.Files > 0 && f.Files < n+spare {
		return one(check, Note, fmt.Sprintf("The system lets a program open %d files, which is not enough for %d connections (gateway.max_connections): more of them wait.", f.Files, n),
			"Raise the limit, or lower the number of connections to what you need.", fmt.Sprintf("ulimit -n %d", n+spare))
	}
	return one(check, OK, "The limit of open files is high enough.", "", "")
}
