package gpu

import "os"

func open() Reader {
	machine := os.DirFS("/")
	why := func(reasons []string) string { return whyNone(displays(machine), reasons) }
	return newSeveral(why, openNVIDIA(), newAMDGPU(machine))
}
