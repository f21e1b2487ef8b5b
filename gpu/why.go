package gpu

import (
	"slices"
	"strings"
)

// Reasons of readers that found none of their GPUs.
const (
	noAMD      = "no AMD GPU"
	withoutCgo = "this build was made without cgo, so it cannot read NVIDIA GPUs"
)

// absent tells that a reading says no more than that there is no such GPU.
func absent(reason string) bool {
	return reason == noAMD || reason == withoutCgo || reason == libraryNotFound.String()
}

// vendor is who made a display adapter, by its PCI number.
type vendor string

const (
	amd   vendor = "0x1002"
	nv    vendor = "0x10de"
	intel vendor = "0x8086"
)

// whyNone says for people why no GPU can be read on a machine with adapters of
// these vendors, where readers gave these reasons. A driver's own trouble goes
// before all, then a GPU that lacks its driver.
func whyNone(adapters []vendor, reasons []string) string {
	trouble := slices.DeleteFunc(slices.Clone(reasons), absent)
	switch has := func(v vendor) bool { return slices.Contains(adapters, v) }; {
	case len(trouble) > 0:
		return strings.Join(trouble, "; ")
	case has(nv) && slices.Contains(reasons, withoutCgo):
		return withoutCgo
	case has(nv):
		return "the NVIDIA GPU cannot be read: install NVIDIA's driver"
	case has(amd):
		return "the AMD GPU cannot be read: its driver amdgpu is not loaded"
	case has(intel):
		return "the only GPU is Intel's, and those cannot be read"
	}
	return strings.Join(reasons, ", ")
}
