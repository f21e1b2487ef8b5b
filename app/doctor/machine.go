package doctor

import (
	"fmt"
	"strings"
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

// containers tell how an app in a container reaches Carpool, which listens where a
// container's own 127.0.0.1 is not.
func containers(f Facts) []Finding {
	const check = "containers"
	if f.Docker != "" {
		return one(check, Note, sentence("Containers cannot be seen: "+f.Docker), "", "")
	}
	if len(f.Containers) == 0 {
		return one(check, OK, "No app that Carpool knows runs in a container.", "", "")
	}
	var all []Finding
	for _, c := range f.Containers {
		all = append(all, container(f, c))
	}
	return all
}

func container(f Facts, c Container) Finding {
	found := Finding{Check: "container " + c.Name}
	reach := address(f, c)
	if reach != "" && pointsAt(c.Points, reach) {
		found.Level, found.Says = OK, fmt.Sprintf("%s in a container points at Carpool (%s).", c.App, reach)
		return found
	}
	found.Level = Note
	found.Says = fmt.Sprintf("%s runs in a container (%s) and does not point at Carpool", c.App, c.By)
	if len(c.Points) > 0 {
		found.Says += " but at " + strings.Join(c.Points, ", ")
	}
	found.Says += "."
	if reach == "" {
		_, port, _ := strings.Cut(f.Port.Address, ":")
		at := cmpOr(f.Bridge, "172.17.0.1") + ":" + port
		found.Do = fmt.Sprintf("Open an address for containers, with a token. Then, in %s's settings under Connections, add the OpenAI API http://%s/v1 with that token as key.", c.App, at)
		found.Run = fmt.Sprintf("carpool lan on %s\ncarpool lan token", at)
		return found
	}
	found.Do = fmt.Sprintf("In %s's settings under Connections, set the address of Ollama to http://%s, or of OpenAI's API to http://%s/v1", c.App, reach, reach)
	if f.LAN.Address != "" && !c.Host && f.System == "linux" {
		found.Do += ` with the token of "carpool lan token" as key`
	}
	found.Do += "."
	return found
}

// address is host:port by which a container reaches Carpool; "" = by none.
func address(f Facts, c Container) string {
	_, port, _ := strings.Cut(f.Port.Address, ":")
	switch {
	case c.Host:
		return "127.0.0.1:" + port
	case f.System != "linux": // Docker Desktop leads this name to the machine's 127.0.0.1
		return "host.docker.internal:" + port
	case f.LAN.Address == "":
		return ""
	}
	host, lan, _ := strings.Cut(f.LAN.Address, ":")
	if host == "0.0.0.0" {
		host = cmpOr(f.Bridge, "host.docker.internal")
	}
	return host + ":" + lan
}

func pointsAt(points []string, reach string) bool {
	_, port, _ := strings.Cut(reach, ":")
	for _, p := range points {
		if strings.Contains(p, reach) || strings.Contains(p, "host.docker.internal:"+port) {
			return true
		}
	}
	return false
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
