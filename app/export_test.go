package app

import (
	"carpool/app/gpus"
	"carpool/gpu"
)

// SplitGPUs has whose each GPU is be told by a test. It is for an App that does not
// run yet.
func (a *App) SplitGPUs(split func(gpu.Reading) gpus.State) {
	a.yielder.gpus = func() []gpus.State {
		var all []gpus.State
		for _, r := range a.sampler.Last() {
			all = append(all, split(r))
		}
		return all
	}
}
