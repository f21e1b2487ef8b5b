package yield

import (
	"fmt"
	"path"
	"strings"

	"github.com/dustin/go-humanize"

	"carpool/app/gpus"
)

// cause is why a GPU counts as taken, for people.
type cause struct {
	who   string // "blender", "another program"
	byUse bool   // by its time, else by its memory
	text  string
}

// is reports whether two causes differ in figures only.
func (c cause) is(o cause) bool { return c.who == o.who && c.byUse == o.byUse }

// compositors draw the desktop for everybody.
var compositors = map[string]bool{
	"xorg": true, "xwayland": true, "gnome-shell": true, "kwin_wayland": true, "kwin_x11": true, "plasmashell": true,
	"mutter": true, "sway": true, "hyprland": true, "dwm": true, "explorer": true, "windowserver": true,
}

// compositorsPart is what a compositor's part counts for: others are named before
// it where theirs is not much smaller.
const compositorsPart = 0.25

// causeOf names who has most of what others have, which is amount: a share of the
// GPU's time, or bytes of its memory.
func causeOf(s gpus.State, byUse bool, amount float64) cause {
	has, have, whole := "holds", "hold", amount
	if byUse {
		has, have, whole = "uses", "use", 0
	}
	who, share := biggest(s.Programs, byUse, whole)
	if who == "" && byUse {
		who, share = biggest(s.Programs, false, 0) // it rests at this moment
	}
	switch {
	case len(s.Programs) > 0 && share < 0.5:
		who, share, has = "other programs", 1, have
	case who == "":
		who = "another program"
	}
	if byUse {
		return cause{who, byUse, fmt.Sprintf("%s %s %.0f %% of the GPU", who, has, 100*amount*share)}
	}
	return cause{who, byUse, fmt.Sprintf("%s %s %s of the GPU's memory", who, has, humanize.IBytes(uint64(amount*share)))}
}

// biggest is the other program with most, and its share of what all others have,
// which is at least the whole; "" = none has any, or it has no name.
func biggest(programs []gpus.Program, byUse bool, whole float64) (who string, share float64) {
	all, most, rank := 0.0, 0.0, 0.0
	for _, p := range programs {
		has := 0.0
		switch {
		case p.Engine != "":
			continue
		case byUse && p.Utilization != nil:
			has = *p.Utilization
		case !byUse && p.Memory != nil:
			has = float64(*p.Memory)
		}
		all += has
		name, counts := plainName(p.Name), has
		if compositors[strings.ToLower(name)] {
			counts *= compositorsPart
		}
		if counts > rank {
			who, most, rank = name, has, counts
		}
	}
	if all == 0 {
		return "", 1
	}
	return who, most / max(all, whole)
}

// plainName is a program's name without its folder and ".exe".
func plainName(name string) string {
	name = path.Base(strings.ReplaceAll(strings.TrimSpace(name), `\`, "/"))
	if name == "." || name == "/" {
		return ""
	}
	if i := len(name) - len(".exe"); i > 0 && strings.EqualFold(name[i:], ".exe") {
		name = name[:i]
	}
	return name
}
