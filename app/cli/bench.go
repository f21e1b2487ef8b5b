package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"carpool/app/bench"
	gpubench "carpool/app/bench/gpu"
)

// benchOptions are the flags of `carpool bench`.
type benchOptions struct {
	bench.Options
	sizes  []int
	asJSON bool
	write  string // file for a Markdown report; "" = none
	suite  suiteOptions
	gpu    gpuOptions
	live   liveOptions
}

func (c *cli) benchCommand() *cobra.Command {
	o := benchOptions{Options: bench.Default(), gpu: gpuOptions{Options: gpubench.Default()}}
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure what batching gains",
		Long: `Measure what batching gains: the same requests through Carpool's gateway over
loopback HTTP, one at a time and in batches, before a simulated engine whose
time per request is known and which has as many slots as the batches can fill.
It needs no engine, no GPU and no running Carpool, and touches none.

With --sizes it adds a table: for each size n, 8 requests per slot in batches
of n, against one at a time.

With --suite scheduling it measures the scheduler's order and the governor
instead, in virtual time on a simulated GPU with fixed seeds, beside other
policies, and says which of the figures asked for were met; it fails if one was
not.

With --suite gateway it measures what Carpool costs: latency, throughput, memory and
CPU beside a plain reverse proxy (and nginx where it is installed), each in a process
of its own, in front of an engine that answers at once; then what it takes while it
has nothing to do. It says which of the figures asked for were met, and fails if one
was not. It takes about twenty minutes, half of them idle.

With --suite batching it measures how full Carpool keeps an engine's places with 1 to
16 at once, beside the engine alone, and what a lone request waits. It says which of
the goals were met, fails if one was missed, and takes about four minutes.

With --gpu it measures a real engine on a real GPU instead: tokens per second,
first tokens, memory and energy with as many chats at once as --sizes says, and
whether Carpool reads the GPU as nvidia-smi does. It takes some minutes and keeps
the GPU busy; let nothing else use it.

With --live it measures the engine of the running Carpool, while apps go on using it:
batching off, then as many chats at once as --sizes says, by default up to what the
engine runs at once. The result stays in the history.`,
		Example: `  carpool bench
  carpool bench --sizes 1,2,4,8,16
  carpool bench --requests 256 --parallel 8
  carpool bench --mode fixed --size 16 --delay 20ms --json
  carpool bench --suite scheduling --quick
  carpool bench --suite scheduling --only slots8,dynmem
  carpool bench --suite scheduling --write docs/benchmarks/scheduling.md
  carpool bench --suite gateway
  carpool bench --suite batching
  carpool bench --live
  carpool bench --live --engine ollama --model llama3.2:3b --sizes 1,4,8
  carpool bench --gpu --engine http://127.0.0.1:11434 --model llama3.2:3b
  carpool bench --gpu --write docs/benchmarks/gpu.md`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case o.live.on:
				return c.benchLive(cmd.Context(), o)
			case o.gpu.on:
				return c.benchGPU(cmd.Context(), o)
			case o.suite.name != "":
				return c.benchSuite(cmd.Context(), o.suite, o.write, o.asJSON)
			case o.suite.Quick, len(o.suite.Only) > 0, o.write != "", o.suite.profiles != "":
				return errors.New("--quick and --only need --suite, --write needs it, --gpu or --live")
			}
			return c.bench(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar((*string)(&o.Mode), "mode", string(o.Mode), "`rule`: static or fixed")
	f.IntVar(&o.Requests, "requests", o.Requests, "requests sent at once, 1–100000")
	f.IntVar(&o.Size, "size", o.Size, "batch size, 1–8192")
	f.DurationVar(&o.Wait, "wait", o.Wait, "static: longest wait for company, 0–5s")
	f.IntVar(&o.Parallel, "parallel", o.Parallel, "static: batches that run at once, 1–16")
	f.DurationVar(&o.Delay, "delay", o.Delay, "the engine's time per request, 1ms–1m")
	f.IntSliceVar(&o.sizes, "sizes", nil, "`list` of batch sizes to compare, e.g. 1,2,4,8,16")
	f.StringVar(&o.suite.name, "suite", "", "`name` of a suite to run instead: scheduling, gateway or batching")
	f.BoolVar(&o.suite.Quick, "quick", false, "suite: few seeds and shorter runs")
	f.StringSliceVar(&o.suite.Only, "only", nil, "suite: `names` of its sections or scenarios")
	f.StringVar(&o.suite.profiles, "profiles", "", "suite gateway: write profiles of Carpool into `folder` instead of measuring")
	_ = f.MarkHidden("profiles") // for who works on Carpool; the flag is there
	f.BoolVar(&o.gpu.on, "gpu", false, "measure a real engine on this machine's GPU instead")
	f.BoolVar(&o.live.on, "live", false, "measure the engine of the running Carpool instead")
	f.StringVar(&c.place.engine, "engine", "", "live, gpu: `URL` of the engine, or live its name (default the preferred one)")
	f.StringVar(&o.gpu.Model, "model", "", "live, gpu: `name` of the model (default one that is loaded)")
	f.IntVar(&o.gpu.Rounds, "rounds", o.gpu.Rounds, "gpu: chats of each at once, one after the other")
	f.IntVar(&o.gpu.Tokens, "tokens", o.gpu.Tokens, "gpu: most tokens of an answer")
	f.StringVar(&o.gpu.Device, "device", "", "gpu: `number` or UUID of the GPU (default the first that can be read)")
	f.StringVar(&o.write, "write", "", "suite, gpu, live: write a Markdown report to `file`")
	f.BoolVar(&o.asJSON, "json", false, "print JSON")
	return cmd
}

func (c *cli) bench(ctx context.Context, o benchOptions) error {
	begun := time.Now()
	r, err := bench.Compare(ctx, o.Options)
	if err != nil {
		return err
	}
	if len(o.sizes) > 0 {
		if r.Sizes, err = bench.Sizes(ctx, o.Options, r.SerialRPS, o.sizes); err != nil {
			return err
		}
	}
	if o.asJSON {
		return c.printJSON(r)
	}
	c.note("measured in %s", span(time.Since(begun)))
	return r.Write(c.stdout)
}
