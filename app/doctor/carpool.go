package doctor

import (
	"fmt"
	"strings"
	"time"
)

// carpool tells whether one runs, and what it says of itself.
func carpool(f Facts) []Finding {
	const check = "Carpool"
	switch {
	case f.Silent != "":
		return one(check, Problem, "A Carpool holds the state folder but does not answer: "+f.Silent+".",
			"End it and start it again. If it does not end by that, end its process.", "carpool quit\ncarpool")
	case f.Running == nil:
		return one(check, Note, "Carpool does not run. The checks below were made without it.", "Start it.", "carpool")
	case len(f.Running.Problems) == 0:
		return one(check, OK, fmt.Sprintf("%s runs (PID %d) at %s.", f.Running.Version, f.Running.PID, f.Running.Endpoint), "", "")
	}
	return one(check, Note, fmt.Sprintf("%s runs (PID %d) and says: %s.", f.Running.Version, f.Running.PID, strings.Join(f.Running.Problems, "; ")), "", "")
}

// others share the GPU without knowing of each other.
func others(f Facts) []Finding {
	const check = "other Carpools"
	if len(f.Others) == 0 {
		return one(check, OK, "No other Carpool runs on this machine.", "", "")
	}
	var at, end []string
	for _, o := range f.Others {
		at = append(at, fmt.Sprintf("%s (PID %d)", o.Address, o.PID))
		if f.System == "windows" {
			end = append(end, fmt.Sprintf("taskkill /PID %d /F", o.PID))
		} else {
			end = append(end, fmt.Sprintf("kill %d", o.PID))
		}
	}
	return one(check, Note, "Another Carpool runs, with settings and a queue of its own, at "+strings.Join(at, ", ")+": neither knows what the other has on the GPU.",
		"Let all apps point at one, and end the other.", strings.Join(end, "\n"))
}

func settings(f Facts) []Finding {
	const check = "settings"
	s := f.Settings
	switch {
	case s.Problem != "":
		return one(check, Problem, "The settings file is not used: "+s.Problem+".",
			"Correct that line, or move the file away to begin with the defaults.", aside(f.System, s.File))
	case len(s.Warnings) > 0:
		return one(check, Note, "The settings file is used, but: "+strings.Join(s.Warnings, "; ")+".", "Correct it.", "carpool config")
	}
	if s.Missing {
		return one(check, OK, "There is no settings file yet: the defaults hold.", "", "")
	}
	return one(check, OK, s.File+" is valid.", "", "")
}

// aside moves a file out of the way.
func aside(system, path string) string {
	if system == "windows" {
		return `move "` + path + `" "` + path + `.old"`
	}
	return "mv " + quote(path) + " " + quote(path+".old")
}

func port(f Facts) []Finding {
	const check = "port"
	p := f.Port
	owner := p.Owner
	if p.Program != "" {
		owner += ", " + p.Program
	}
	other := "End that program, or give Carpool another port."
	move := "carpool set gateway.listen=127.0.0.1:11435"
	if strings.HasSuffix(p.Address, ":11435") {
		move = "carpool set gateway.listen=127.0.0.1:11445"
	}
	switch {
	case p.Ours:
		return one(check, OK, p.Address+" is Carpool's own.", "", "")
	case p.Owner != "" && f.Running != nil:
		return one(check, Note, fmt.Sprintf("Carpool listens elsewhere; %s, which the settings name, is taken by %s.", p.Address, owner), other, move)
	case p.Owner != "":
		return one(check, Problem, fmt.Sprintf("%s is taken by %s.", p.Address, owner), other, move)
	case p.Problem != "":
		return one(check, Problem, fmt.Sprintf("Carpool cannot listen at %s: %s.", p.Address, p.Problem), "Choose another address.", move)
	case f.Running != nil:
		return one(check, Note, "Carpool listens elsewhere than at "+p.Address+", which the settings name.", "Start it again, without --listen.", "carpool quit\ncarpool")
	}
	return one(check, OK, p.Address+" is free for Carpool.", "", "")
}

// permissions go by the mode: what is in these folders is nobody else's business.
func permissions(f Facts) []Finding {
	var all []Finding
	for _, d := range []struct {
		check string
		Folder
		private bool
	}{{"state folder", f.State, true}, {"settings folder", f.Config, false}} {
		switch {
		case d.Problem != "":
			all = append(all, Finding{d.check, Problem, fmt.Sprintf("Nothing can be written in %s: %s.", d.Path, d.Problem),
				"Let it be yours again.", permit(f.System, d.Path)})
		case d.Missing:
			all = append(all, Finding{Check: d.check, Level: OK, Says: d.Path + " is not there yet; Carpool makes it."})
		case d.private && d.Mode&0o077 != 0:
			all = append(all, Finding{d.check, Problem, fmt.Sprintf("Others of this machine can look into %s (mode %04o).", d.Path, d.Mode),
				"Make it private.", "chmod 700 " + quote(d.Path)})
		default:
			all = append(all, Finding{Check: d.check, Level: OK, Says: d.Path + " can be written."})
		}
	}
	switch s := f.Socket; {
	case f.Running == nil || s.Missing || s.Mode == 0:
	case s.Mode&0o077 != 0:
		all = append(all, Finding{"control socket", Problem, fmt.Sprintf("Others of this machine can reach %s (mode %04o).", s.Path, s.Mode),
			"Make it private; Carpool does so at each start.", "chmod 600 " + quote(s.Path)})
	default:
		all = append(all, Finding{Check: "control socket", Level: OK, Says: "Only you can steer Carpool."})
	}
	return all
}

func permit(system, path string) string {
	if system == "windows" {
		return ""
	}
	return "sudo chown -R \"$USER\" " + quote(path) + "\nchmod u+rwx " + quote(path)
}

// quote makes a path one word of a shell.
func quote(path string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-:", r)
	}
	if strings.IndexFunc(path, func(r rune) bool { return !plain(r) }) < 0 {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

func history(f Facts) []Finding {
	const check = "history"
	h := f.History
	var moved string
	if n := len(h.Aside); n > 0 {
		moved = fmt.Sprintf(" A damaged one was moved aside as %s.", strings.Join(h.Aside, ", "))
	}
	switch {
	case h.Problem != "":
		return one(check, Problem, "The history has an error: "+h.Problem+"."+moved,
			"Carpool serves without it. A damaged file is moved aside when Carpool is started again.", "carpool quit\ncarpool")
	case h.Off:
		return one(check, OK, "The history is off (history.enabled).", "", "")
	case h.Dropped > 0:
		return one(check, Note, fmt.Sprintf("The history is whole, but %d rows since the start were lost.%s", h.Dropped, moved),
			"Look at the log; a full disk is told of above.", "")
	case h.Unsure != "":
		return one(check, Note, "The history could not be looked at whole: "+h.Unsure+"."+moved, "", "")
	case moved != "":
		return one(check, Note, "The history is whole."+moved, "Delete that file once you do not miss what is in it.", "")
	case h.Missing:
		return one(check, OK, "There is no history yet.", "", "")
	}
	return one(check, OK, "The history is whole.", "", "")
}

func clock(f Facts) []Finding {
	const (
		check = "clock"
		small = time.Minute
	)
	set := "Let the system set its clock by the network."
	run := ""
	if f.System == "linux" {
		run = "timedatectl set-ntp true"
	}
	switch {
	case f.Now.Before(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)):
		return one(check, Problem, "The clock says "+f.Now.Format(time.DateOnly)+", which is before this program was made: the history would be in disorder.", set, run)
	case f.History.Newest.Sub(f.Now) > small:
		return one(check, Problem, fmt.Sprintf("The history was written at %s, which is later than now (%s): the clock was or is wrong.",
			f.History.Newest.UTC().Format(time.DateTime), f.Now.UTC().Format(time.DateTime)), set, run)
	case f.Running != nil && f.Running.Drift.Abs() > small:
		return one(check, Note, fmt.Sprintf("The clock was set %s by %s since Carpool started; what the history tells of that time is shifted.",
			direction(f.Running.Drift), f.Running.Drift.Abs().Round(time.Second)), "", "")
	}
	return one(check, OK, "The clock is right, as far as can be seen.", "", "")
}

func direction(d time.Duration) string {
	if d < 0 {
		return "back"
	}
	return "ahead"
}

func network(f Facts) []Finding {
	const check = "network"
	l := f.LAN
	switch {
	case l.Address == "":
		return one(check, OK, "Other computers cannot reach Carpool (gateway.lan is empty).", "", "")
	case l.Token.Missing:
		return one(check, Problem, "Other computers may come in at "+l.Address+", but there is no token yet.", "Make one, and give it to their apps as API key.", "carpool lan token")
	case l.Token.Mode&0o077 != 0:
		return one(check, Problem, fmt.Sprintf("Others of this machine can read the token for the network (mode %04o).", l.Token.Mode),
			"Make it private, and a new one.", "chmod 600 "+quote(l.Token.Path)+"\ncarpool lan rotate")
	case l.Problem != "":
		return one(check, Problem, "Other computers cannot reach Carpool: "+l.Problem+".", "Correct gateway.lan.", "carpool lan on")
	case f.Running != nil && !l.Listening:
		return one(check, Problem, "Other computers cannot reach Carpool at "+l.Address+" yet.", "Look again in a moment, and at the log.", "")
	}
	return one(check, OK, "Other computers may come in at "+l.Address+" with the token.", "", "")
}
