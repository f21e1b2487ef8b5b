package gpu

import (
	"io/fs"
	"strings"
)

// amdCard is a card in sysfs.
type amdCard struct {
	machine fs.FS
	device  string // folder, with a slash at its end
	address string // on PCI: "0000:03:00.0"
	asleep  bool   // switched off: to read anything but what it is would wake it
}

// uuid is the one by which ROCm knows the card, where it has one.
func (c amdCard) uuid() string {
	if id, _ := attribute(c.machine, c.device+"unique_id"); id != "" {
		return "GPU-" + id
	}
	return c.address
}

// render is the name of its device file for programs that only compute or draw:
// "renderD128".
func (c amdCard) render() string {
	entries, _ := fs.ReadDir(c.machine, c.device+"drm")
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), "renderD") {
			return e.Name()
		}
	}
	return ""
}

// read fills in what the card tells now. It must be awake.
func (c amdCard) read(r *Reading) {
	if total, ok := c.number("mem_info_vram_total"); ok && total > 0 {
		r.MemoryTotal = &total
	}
	if used, ok := c.number("mem_info_vram_used"); ok {
		r.MemoryUsed = &used
	}
	r.Utilization = c.share("gpu_busy_percent")
	r.MemoryUtilization = c.share("mem_busy_percent")

	sensors := c.sensors()
	const micro, milli, mega = 1e-6, 1e-3, 1e6
	if r.Power = c.scaled(sensors+"power1_average", micro); r.Power == nil {
		r.Power = c.scaled(sensors+"power1_input", micro) // some have only the one, some the other
	}
	r.PowerLimit = c.scaled(sensors+"power1_cap", micro)
	r.Temperature = c.scaled(sensors+"temp1_input", milli)
	if r.Clock = c.scaled(sensors+"freq1_input", 1/mega); r.Clock == nil {
		r.Clock = c.level("pp_dpm_sclk")
	}
	if r.MemoryClock = c.scaled(sensors+"freq2_input", 1/mega); r.MemoryClock == nil {
		r.MemoryClock = c.level("pp_dpm_mclk")
	}
}

// sensors is the folder of its sensors within the device's; the number at its
// end may be another after each start.
func (c amdCard) sensors() string {
	entries, _ := fs.ReadDir(c.machine, c.device+"hwmon")
	for _, e := range entries {
		return "hwmon/" + e.Name() + "/"
	}
	return "hwmon/none/"
}

func (c amdCard) number(file string) (uint64, bool) {
	text, _ := attribute(c.machine, c.device+file)
	return whole(text)
}

func (c amdCard) share(file string) *float64 {
	percent, ok := c.number(file)
	if !ok {
		return nil
	}
	share := float64(min(percent, 100)) / 100
	return &share
}

func (c amdCard) scaled(file string, by float64) *float64 {
	n, ok := c.number(file)
	if !ok {
		return nil
	}
	v := float64(n) * by
	return &v
}

// level is the clock with a star in a list of lines like "1: 2100Mhz *".
func (c amdCard) level(file string) *float64 {
	text, _ := attribute(c.machine, c.device+file)
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) != 3 || fields[2] != "*" {
			continue
		}
		if n, ok := whole(strings.TrimSuffix(strings.ToLower(fields[1]), "mhz")); ok {
			mhz := float64(n)
			return &mhz
		}
	}
	return nil
}
