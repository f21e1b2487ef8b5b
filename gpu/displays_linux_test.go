package gpu

import (
	"slices"
	"testing"
)

func TestDisplaysAreKnownWithoutADriver(t *testing.T) {
	m := newTree()
	if got := displays(m); got != nil {
		t.Errorf("no PCI: %v", got)
	}
	for address, files := range map[string][2]string{
		"0000:00:02.0": {"0x030000\n", "0x8086\n"}, // graphics
		"0000:01:00.0": {"0x030200\n", "0x10de\n"}, // 3D only
		"0000:02:00.0": {"0x030000\n", "0x10de\n"},
		"0000:03:00.0": {"0x120000\n", "0x1002\n"}, // accelerator
		"0000:04:00.0": {"0x020000\n", "0x15b3\n"}, // network
	} {
		m.write("sys/bus/pci/devices/"+address+"/class", files[0])
		m.write("sys/bus/pci/devices/"+address+"/vendor", files[1])
	}
	m.write("sys/bus/pci/devices/0000:05:00.0/class", "0x030000") // just taken out
	if got := displays(m); !slices.Equal(got, []vendor{intel, nv, amd}) {
		t.Errorf("displays %v", got)
	}
}
