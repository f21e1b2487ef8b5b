package gpu

import (
	"context"
	"time"

	"github.com/shirou/gopsutil/v4/mem"
	"golang.org/x/sys/unix"
)

func open() Reader { return apple{} }

// apple reads the GPU of Apple's own chips, without cgo and without rights.
type apple struct{}

func (apple) Read(ctx context.Context) []Reading {
	var m appleMemory
	m.chip, _ = unix.Sysctl("machdep.cpu.brand_string")
	m.total, _ = unix.SysctlUint64("hw.memsize")
	m.pressure, _ = unix.SysctlUint32("kern.memorystatus_vm_pressure_level")
	if v, err := mem.VirtualMemoryWithContext(ctx); err == nil {
		m.available, m.told = v.Available, true
	}
	m.limit = wiredLimit()
	return []Reading{m.reading(time.Now())}
}

func (apple) Close() error { return nil }

// wiredLimit is in MiB. Its size in bytes is not documented; SysctlUint64
// refuses any but 8.
func wiredLimit() uint64 {
	if v, err := unix.SysctlUint64("iogpu.wired_limit_mb"); err == nil {
		return v
	}
	v, _ := unix.SysctlUint32("iogpu.wired_limit_mb")
	return uint64(v)
}
