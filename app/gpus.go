package app

import "carpool/app/gpus"

// gpus are the GPUs of this machine as read last.
func (a *App) gpus() []gpus.State {
	readings := a.sampler.Last()
	states := make([]gpus.State, len(readings))
	for i, r := range readings {
		states[i].Reading = r
	}
	return states
}

// gpu is the one that Carpool goes by.
func (a *App) gpu() gpus.State { return a.gpus()[0] }
