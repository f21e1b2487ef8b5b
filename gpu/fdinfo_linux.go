package gpu

import "strings"

// fdInfo is what the kernel tells of an open card.
type fdInfo struct {
	address      string // of the card on PCI
	client       string // equal for all that share one opening
	memory       *uint64
	gfx, compute uint64 // ns that the card worked for it; what it never did is not listed
	timed        bool   // these can be believed
}

// parseFDInfo reads lines like "drm-memory-vram:	2048 KiB".
func parseFDInfo(text string) fdInfo {
	i := fdInfo{timed: true}
	memory := map[string]uint64{}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch key {
		case "drm-pdev":
			i.address = value
		case "drm-client-id":
			i.client = value
		case "drm-memory-vram", "drm-resident-vram", "drm-total-vram":
			if n, ok := inBytes(value); ok {
				memory[key] = n
			}
		case "drm-engine-gfx", "drm-engine-compute":
			number, ok := strings.CutSuffix(value, " ns")
			n, ok2 := whole(number)
			switch {
			case !ok || !ok2:
				i.timed = false
			case key == "drm-engine-gfx":
				i.gfx = n
			default:
				i.compute = n
			}
		}
	}
	// In the card's memory now; the last one counts what was moved out of it too.
	for _, key := range []string{"drm-memory-vram", "drm-resident-vram", "drm-total-vram"} {
		if n, ok := memory[key]; ok {
			i.memory = &n
			break
		}
	}
	return i
}

func inBytes(text string) (uint64, bool) {
	number, unit, _ := strings.Cut(text, " ")
	n, ok := whole(number)
	switch unit {
	case "":
		return n, ok
	case "KiB":
		return n << 10, ok
	case "MiB":
		return n << 20, ok
	}
	return 0, false
}
