package gpu

import (
	"cmp"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// scanEvery is the least time between two looks at all processes: each opens
// the folder of every process of the user.
const scanEvery = 5 * time.Second

// drmClients finds the processes that use a card, from two sources.
//
// The kernel tells of every open card what its holder uses, in /proc/PID/fdinfo.
// Only the user's own processes can be looked at so; root sees all.
//
// Programs of ROCm are listed apart, for all users, with their memory. What time
// their kernels take is told nowhere, so their Utilization is nil, and it is nil
// for all at the first look.
type drmClients struct {
	machine fs.FS
	at      time.Time            // of the last look
	busy    map[drmClient]uint64 // then, in ns
	found   map[string][]Process // then, by PCI address of the card
}

// drmClient is one opening of a card, however many processes share it.
type drmClient struct{ address, id string }

// of are the processes on each of the cards, by PCI address. They are looked
// for anew when the last look is scanEvery ago; Utilization is the mean between
// two looks.
func (d *drmClients) of(now time.Time, cards []amdCard) map[string][]Process {
	if len(cards) > 0 && (d.found == nil || now.Sub(d.at) >= scanEvery) {
		d.look(now, cards)
	}
	return d.found
}

func (d *drmClients) look(now time.Time, cards []amdCard) {
	pids, ok := d.pids("proc")
	if !ok {
		return
	}
	uses := map[string]map[int]*drmUse{}
	for _, c := range cards {
		uses[c.address] = map[int]*drmUse{}
	}
	busy := map[drmClient]uint64{}
	for _, pid := range pids {
		d.opened(pid, uses, busy)
	}
	for _, c := range cards {
		d.compute(c, uses[c.address])
	}

	passed := float64(now.Sub(d.at).Nanoseconds())
	first := d.found == nil
	d.found = map[string][]Process{}
	for address, byPID := range uses {
		all := []Process{}
		for _, pid := range slices.Sorted(maps.Keys(byPID)) {
			u := byPID[pid]
			name, _ := attribute(d.machine, "proc/"+strconv.Itoa(pid)+"/comm")
			p := Process{PID: pid, Name: name, Kind: u.kind(), Memory: u.memory}
			if u.timed && !u.rocm && !first {
				share := min(float64(u.spent)/passed, 1)
				p.Utilization = &share
			}
			all = append(all, p)
		}
		d.found[address] = all
	}
	d.at, d.busy = now, busy
}

// opened adds what a process has open of the cards.
func (d *drmClients) opened(pid int, uses map[string]map[int]*drmUse, busy map[drmClient]uint64) {
	folder := "proc/" + strconv.Itoa(pid)
	files, _ := fs.ReadDir(d.machine, folder+"/fd") // refused for another user's
	for _, f := range files {
		target, _ := fs.ReadLink(d.machine, folder+"/fd/"+f.Name())
		if !strings.HasPrefix(target, "/dev/dri/") {
			continue
		}
		text, _ := attribute(d.machine, folder+"/fdinfo/"+f.Name())
		info := parseFDInfo(text)
		card, ok := uses[info.address]
		if !ok {
			continue
		}
		client := drmClient{info.address, info.client}
		if info.client == "" { // told since Linux 5.19
			client.id = folder + "/" + f.Name()
		}
		if _, counted := busy[client]; counted {
			continue
		}
		busy[client] = info.gfx + info.compute
		u := card[pid]
		if u == nil {
			u = &drmUse{}
			card[pid] = u
		}
		u.add(info, d.busy[client])
	}
}

// compute adds the programs of ROCm on a card.
func (d *drmClients) compute(c amdCard, card map[int]*drmUse) {
	const kfd = "sys/class/kfd/kfd"
	id := d.kfdID(kfd+"/topology/nodes", c.render())
	if id == "" {
		return
	}
	pids, _ := d.pids(kfd + "/proc")
	for _, pid := range pids {
		text, _ := attribute(d.machine, kfd+"/proc/"+strconv.Itoa(pid)+"/vram_"+id)
		memory, ok := whole(text)
		u := card[pid]
		if !ok || memory == 0 && u == nil { // on another card
			continue
		}
		if u == nil {
			u = &drmUse{}
			card[pid] = u
		}
		u.rocm = true
		// Newer kernels count the same memory as that of the open card too.
		if u.memory == nil || *u.memory < memory {
			u.memory = &memory
		}
	}
}

// kfdID is the number by which ROCm's part of the driver knows a card.
func (d *drmClients) kfdID(nodes, render string) string {
	minor, ok := strings.CutPrefix(render, "renderD")
	if !ok {
		return ""
	}
	entries, _ := fs.ReadDir(d.machine, nodes)
	for _, e := range entries {
		properties, _ := attribute(d.machine, nodes+"/"+e.Name()+"/properties")
		for line := range strings.Lines(properties) {
			if f := strings.Fields(line); len(f) == 2 && f[0] == "drm_render_minor" && f[1] == minor {
				id, _ := attribute(d.machine, nodes+"/"+e.Name()+"/gpu_id")
				return id
			}
		}
	}
	return ""
}

// pids are the numbers among the names in a folder, the smallest first: who
// opened a card that several share is most likely the oldest.
func (d *drmClients) pids(folder string) ([]int, bool) {
	entries, err := fs.ReadDir(d.machine, folder)
	var all []int
	for _, e := range entries {
		if n, ok := whole(e.Name()); ok {
			all = append(all, int(n))
		}
	}
	slices.SortFunc(all, cmp.Compare[int])
	return all, err == nil
}

// drmUse is what one process uses of one card.
type drmUse struct {
	memory       *uint64
	spent        uint64 // ns of the GPU since the look before
	timed        bool   // spent is known
	gfx, compute bool
	rocm         bool
}

// add adds an opening of the card that had used before ns at the look before.
func (u *drmUse) add(i fdInfo, before uint64) {
	if i.memory != nil {
		sum := *i.memory
		if u.memory != nil {
			sum += *u.memory
		}
		u.memory = &sum
	}
	u.gfx = u.gfx || i.gfx > 0
	u.compute = u.compute || i.compute > 0
	if total := i.gfx + i.compute; i.timed && total >= before {
		u.spent += total - before
		u.timed = true
	}
}

func (u *drmUse) kind() Kind {
	switch compute := u.compute || u.rocm; {
	case compute && u.gfx:
		return ComputeGraphics
	case compute:
		return Compute
	case u.gfx:
		return Graphics
	}
	return ""
}
