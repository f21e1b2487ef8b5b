package gpu

import (
	"cmp"
	"context"
	"io/fs"
	"slices"
	"strings"
	"time"
)

// asleep is the reason of a GPU that its driver switched off.
const asleep = "asleep to save power"

// amdgpu reads AMD's GPUs from what the kernel's driver tells in files: sysfs for
// the card, and for its processes those that drmClients finds. On a processor
// with graphics, its memory is the part that the firmware set aside for them.
type amdgpu struct {
	machine fs.FS // the root folder
	clients drmClients
	names   map[string]string // by PCI device and revision: a list in a file
	idle    time.Time         // no card was there, and none is looked for before; zero = one was
}

// lookAgain is how often a card is looked for that was plugged in.
const lookAgain = 30 * time.Second

func newAMDGPU(machine fs.FS) *amdgpu {
	return &amdgpu{machine: machine, clients: drmClients{machine: machine}, names: map[string]string{}}
}

func (a *amdgpu) Read(context.Context) []Reading {
	now := time.Now()
	cards := a.cards()
	a.idle = time.Time{}
	if len(cards) == 0 {
		a.idle = now.Add(lookAgain)
		return unavailable(now, noAMD)
	}
	awake := slices.DeleteFunc(slices.Clone(cards), func(c amdCard) bool { return c.asleep })
	processes := a.clients.of(now, awake)
	all := make([]Reading, len(cards))
	for i, c := range cards {
		r := Reading{At: now, Index: i, UUID: c.uuid(), Name: a.name(c), Driver: a.version(), Source: "amdgpu"}
		if c.asleep {
			r.Reason = asleep
		} else {
			c.read(&r)
			r.Processes = processes[c.address]
			// Other drivers of AMD's GPUs tell nothing of this.
			if r.Available = r.MemoryTotal != nil || r.Utilization != nil; !r.Available {
				r.Reason = notSupported.String()
			}
		}
		all[i] = r
	}
	return all
}

// Idle is until when no card is looked for; zero while there is one.
func (a *amdgpu) Idle() time.Time { return a.idle }

func (a *amdgpu) Close() error { return nil }

// cards are AMD's, in the order of their PCI addresses: the kernel's own numbers
// may be others after each start.
func (a *amdgpu) cards() []amdCard {
	const folder = "sys/class/drm"
	entries, _ := fs.ReadDir(a.machine, folder)
	var all []amdCard
	for _, e := range entries {
		number, ok := strings.CutPrefix(e.Name(), "card")
		if _, ok2 := whole(number); !ok || !ok2 { // card0-DP-1 is a socket of card0
			continue
		}
		c := amdCard{machine: a.machine, device: folder + "/" + e.Name() + "/device/"}
		if v, _ := attribute(a.machine, c.device+"vendor"); vendor(v) != amd {
			continue
		}
		uevent, _ := attribute(a.machine, c.device+"uevent")
		for line := range strings.Lines(uevent) {
			if address, ok := strings.CutPrefix(strings.TrimSpace(line), "PCI_SLOT_NAME="); ok {
				c.address = address
			}
		}
		status, _ := attribute(a.machine, c.device+"power/runtime_status")
		c.asleep = status == "suspended" || status == "suspending"
		all = append(all, c)
	}
	slices.SortStableFunc(all, func(a, b amdCard) int { return cmp.Compare(a.address, b.address) })
	return all
}

// name is what the card calls itself, else what the driver's library calls it.
func (a *amdgpu) name(c amdCard) string {
	if name, _ := attribute(a.machine, c.device+"product_name"); name != "" {
		return name
	}
	id, _ := attribute(a.machine, c.device+"device")
	if id == "" {
		return "AMD GPU"
	}
	revision, _ := attribute(a.machine, c.device+"revision")
	name, ok := a.names[id+revision]
	if !ok {
		list, _ := attribute(a.machine, "usr/share/libdrm/amdgpu.ids")
		if name = listed(list, id, revision); name == "" {
			name = "AMD GPU " + id
		}
		a.names[id+revision] = name
	}
	return name
}

// listed looks up a line like "744C, C8, AMD Radeon RX 7900 XTX".
func listed(list, id, revision string) string {
	for line := range strings.Lines(list) {
		fields := strings.SplitN(line, ",", 3)
		if len(fields) == 3 && strings.EqualFold("0x"+strings.TrimSpace(fields[0]), id) &&
			strings.EqualFold("0x"+strings.TrimSpace(fields[1]), revision) {
			return strings.TrimSpace(fields[2])
		}
	}
	return ""
}

// version is the driver's: its own where it was installed apart from the kernel,
// else the kernel's.
func (a *amdgpu) version() string {
	if v, ok := attribute(a.machine, "sys/module/amdgpu/version"); ok {
		return v
	}
	if v, ok := attribute(a.machine, "proc/sys/kernel/osrelease"); ok {
		return "Linux " + v
	}
	return ""
}
