package app

import (
	"context"

	"carpool/app/process"
	"carpool/gpu"
)

// GPUs reads the GPUs of this machine where no Carpool runs that could be asked.
// Engines are known by their usual ports and the names of their programs. It is
// for one goroutine at a time.
type GPUs struct{ owned *owned }

// OpenGPUs returns what reads the GPUs. It never fails: what cannot be read says
// why.
func OpenGPUs() *GPUs {
	return &GPUs{newOwned(gpu.Open(), process.NewFamily(), func() []process.Engine { return usual })}
}

// usual are engines as they are installed.
var usual = []process.Engine{
	{Name: "ollama", Kind: "ollama", URL: "http://127.0.0.1:11434"},
	{Name: "lmstudio", Kind: "lmstudio", URL: "http://127.0.0.1:1234"},
	{Name: "llamacpp", Kind: "llamacpp", URL: "http://127.0.0.1:8080"},
	{Name: "koboldcpp", Kind: "koboldcpp", URL: "http://127.0.0.1:5001"},
}

// Read is the state now, at least one; drivers tell how busy programs are since
// the read before, so not the first time.
func (g *GPUs) Read(ctx context.Context) []GPUState {
	return g.owned.of(g.owned.Read(ctx))
}

// Close gives the driver back.
func (g *GPUs) Close() error { return g.owned.Close() }
