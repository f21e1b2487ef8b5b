package gpu

import (
	"io/fs"
	"slices"
	"strings"
)

// displays are the vendors of the machine's display adapters and accelerators
// on PCI, each once.
func displays(machine fs.FS) []vendor {
	const devices = "sys/bus/pci/devices/"
	var found []vendor
	entries, _ := fs.ReadDir(machine, devices[:len(devices)-1])
	for _, e := range entries {
		class, _ := attribute(machine, devices+e.Name()+"/class")
		display := strings.HasPrefix(class, "0x03") || strings.HasPrefix(class, "0x12")
		if v, ok := attribute(machine, devices+e.Name()+"/vendor"); display && ok && !slices.Contains(found, vendor(v)) {
			found = append(found, vendor(v))
		}
	}
	return found
}
