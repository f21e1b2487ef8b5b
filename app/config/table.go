package config

import (
	"fmt"
	"strings"
)

// table is the one list of all settings, in the order of the file. Defaults,
// checks, the commented file and the help all derive from it.
var table = []entry{
	text("gateway.listen", "127.0.0.1:11435", func(c *Config) *string { return &c.Gateway.Listen }, checkListen,
		"loopback address and port; port 0 = any free one",
		"Address on which apps reach Carpool.").atRestart(),
	text("gateway.lan", "", func(c *Config) *string { return &c.Gateway.LAN }, checkLAN,
		"IP address of this computer and port, such as 0.0.0.0:11436 for all; empty = closed",
		"Address on which other computers and containers reach Carpool too, with the token of \"carpool lan token\"."),
	list("gateway.allowed_hosts", func(c *Config) *[]string { return &c.Gateway.AllowedHosts }, checkHost,
		"host names, with :port if not Carpool's own",
		"Names besides localhost by which apps may call Carpool, such as the name of a reverse proxy."),
	list("gateway.allowed_origins", func(c *Config) *[]string { return &c.Gateway.AllowedOrigins }, checkOrigin,
		"scheme://host or scheme://host:port",
		"Web pages and browser extensions that may call Carpool, besides pages served by this machine."),
	number("gateway.max_body_mib", 64, 1, 1024, "MiB", func(c *Config) *int { return &c.Gateway.MaxBodyMiB },
		"Largest request that is scheduled; model uploads are not bounded by it."),
	number("gateway.max_bodies_mib", 512, 16, 16384, "MiB", func(c *Config) *int { return &c.Gateway.MaxBodiesMiB },
		"Memory for all requests that wait or run; more are refused with 503."),
	number("gateway.max_header_kib", 64, 8, 1024, "KiB", func(c *Config) *int { return &c.Gateway.MaxHeaderKiB },
		"Longest header of a request; longer ones are refused with 431.").atRestart(),
	number("gateway.max_connections", 16384, 16, 65536, "", func(c *Config) *int { return &c.Gateway.MaxConnections },
		"Most connections open at once; more wait until one ends. The system's limit of open files may allow fewer.").atRestart(),
	number("gateway.header_timeout_s", 5, 1, 60, "s", func(c *Config) *int { return &c.Gateway.HeaderTimeoutS },
		"Longest time for the header of a request to arrive.").atRestart(),
	number("gateway.idle_timeout_s", 120, 1, 3600, "s", func(c *Config) *int { return &c.Gateway.IdleTimeoutS },
		"How long a connection without a request is kept.").atRestart(),
	number("gateway.slow_client_s", 30, 1, 600, "s", func(c *Config) *int { return &c.Gateway.SlowClientS },
		"Longest time for an app to send a request, and to take the next piece of its answer."),
	number("gateway.connect_timeout_s", 2, 1, 60, "s", func(c *Config) *int { return &c.Gateway.ConnectTimeoutS },
		"Longest wait for a connection to an engine."),
	number("gateway.first_token_timeout_s", 300, 1, 3600, "s", func(c *Config) *int { return &c.Gateway.FirstTokenTimeoutS },
		"Longest wait for an engine to begin its answer, loading the model included."),
	number("gateway.stall_timeout_s", 60, 1, 3600, "s", func(c *Config) *int { return &c.Gateway.StallTimeoutS },
		"Longest silence of an engine in the middle of an answer."),
	number("gateway.drain_timeout_s", 30, 0, 600, "s", func(c *Config) *int { return &c.Gateway.DrainTimeoutS },
		"How long running requests may go on after Carpool was told to quit."),

	toggle("batching.enabled", true, func(c *Config) *bool { return &c.Batching.Enabled },
		"Let requests share the engine; the switch in the tray.").alias("enable_batching"),
	choice("batching.mode", "adaptive", []string{"adaptive", "fixed", "static"}, func(c *Config) *string { return &c.Batching.Mode },
		"adaptive: finds the size by itself. fixed: constant size, freed places refill at once. static: groups that run together."),
	choice("batching.off_mode", "serial", []string{"serial", "passthrough"}, func(c *Config) *string { return &c.Batching.OffMode },
		"While batching is off: serial = one request at a time, passthrough = straight to the engine."),
	number("batching.max_batch_size", 8, 1, 8192, "requests", func(c *Config) *int { return &c.Batching.MaxBatchSize },
		"static: size of a batch. fixed: most requests in flight for each model.").alias("max_batch_size"),
	number("batching.max_batch_wait_ms", 50, 0, 5000, "ms", func(c *Config) *int { return &c.Batching.MaxBatchWaitMS },
		"static: longest wait for company. Otherwise only embeddings wait, and only while one is running.").alias("max_batch_wait_ms"),
	number("batching.max_parallel_batches", 1, 1, 16, "batches", func(c *Config) *int { return &c.Batching.MaxParallelBatches },
		"static only: batches that may run at the same time."),
	number("batching.cancel_grace_ms", 2000, 0, 60000, "ms", func(c *Config) *int { return &c.Batching.CancelGraceMS },
		"How long a canceled request keeps its place, while the engine still winds it up."),

	text("adaptive.start", "4", func(c *Config) *string { return &c.Adaptive.Start }, checkStart,
		"1–64, or table",
		"adaptive: first size for a new model; table = by free GPU memory: over 90 % 16, under 50 % 4, else 8."),
	number("adaptive.min", 1, 1, 8192, "requests", func(c *Config) *int { return &c.Adaptive.Min },
		"adaptive: the size never falls below this."),
	number("adaptive.max", 32, 1, 8192, "requests", func(c *Config) *int { return &c.Adaptive.Max },
		"adaptive: ceiling of the requests in flight for each model."),
	number("adaptive.latency_target_ms", 100, 10, 10000, "ms", func(c *Config) *int { return &c.Adaptive.LatencyTargetMS },
		"adaptive: time per token of one stream that sharing should not exceed."),

	choice("queue.order", "fair", []string{"fair", "arrival"}, func(c *Config) *string { return &c.Queue.Order },
		"fair: apps take turns by what they used, and models are not swapped needlessly. arrival: first come, first served."),
	number("queue.max_waiting", 512, 16, 100000, "requests", func(c *Config) *int { return &c.Queue.MaxWaiting },
		"Most requests that may wait; more are refused with 503."),
	number("queue.reserved_others", 64, 0, 1024, "requests", func(c *Config) *int { return &c.Queue.ReservedOthers },
		"Places in the queue that a single app cannot take."),
	number("queue.reserved_urgent", 0, 0, 64, "requests", func(c *Config) *int { return &c.Queue.ReservedUrgent },
		"Places for each model that only urgent requests may take; they cost throughput."),
	number("queue.max_wait_s", 0, 0, 86400, "s", func(c *Config) *int { return &c.Queue.MaxWaitS },
		"Longest time in the queue; 0 = no bound, the app's own timeout decides."),
	number("queue.guard_s", 60, 5, 3600, "s", func(c *Config) *int { return &c.Queue.GuardS },
		"fair: an app that has waited so long without a turn goes next."),
	number("queue.prefix_credit", 4000, 0, 100000, "tokens", func(c *Config) *int { return &c.Queue.PrefixCredit },
		"fair: how far out of turn a request may go because its prompt's beginning is still in the engine's cache."),
	toggle("queue.shortest_first", false, func(c *Config) *bool { return &c.Queue.ShortestFirst },
		"fair: within one app, the request with the fewest tokens to generate goes first."),
	toggle("queue.share_identical", true, func(c *Config) *bool { return &c.Queue.ShareIdentical },
		"Identical requests of one app with temperature 0 or a seed share one run while it goes on."),

	list("apps.keys", func(c *Config) *[]string { return &c.Apps.Keys }, checkAppKey,
		"key=app",
		"API keys that name an app; all other keys say nothing. Keys pass on to the engine either way.").secret(),
	list("apps.weights", func(c *Config) *[]string { return &c.Apps.Weights }, checkAppWeight,
		"app=0.1–10",
		"fair: shares of the GPU; an app with 2 gets twice as much as one with 1, the default."),
	list("apps.priorities", func(c *Config) *[]string { return &c.Apps.Priorities }, checkAppPriority,
		"app=urgent, normal or background",
		"Priority of apps whose requests do not name one."),
	list("apps.supersede", func(c *Config) *[]string { return &c.Apps.Supersede }, checkApp,
		"app",
		"Editors whose newer completion replaces one that still waits; such a request is answered 409."),

	list("models.pinned", func(c *Config) *[]string { return &c.Models.Pinned }, checkModel,
		"model, as its engine lists it",
		"Models that are never given up for another one's requests while both cannot be loaded."),
	list("models.num_ctx", func(c *Config) *[]string { return &c.Models.NumCtx }, checkModelCtx,
		"model=256–1048576 tokens, or model=default",
		"Size of context for all requests by Ollama's own routes; default = the model's own. Apps that differ in it make Ollama reload."),
	number("models.max_wait_s", 30, 1, 3600, "s", func(c *Config) *int { return &c.Models.MaxWaitS },
		"fair: longest wait for a turn of a model that is not loaded; shorter where loading is quick."),

	toggle("embeddings.merge", true, func(c *Config) *bool { return &c.Embed.Merge },
		"Embedding calls of the same model that arrive while one is running become one call."),
	number("embeddings.max_merge", 64, 2, 2048, "texts", func(c *Config) *int { return &c.Embed.MaxMerge },
		"Most texts in a merged embedding call."),
	number("embeddings.cache_mib", 64, 0, 4096, "MiB", func(c *Config) *int { return &c.Embed.CacheMiB },
		"Memory for embeddings that were computed before; 0 = none are kept."),

	text("engine.url", "", func(c *Config) *string { return &c.Engine.URL }, checkEngine,
		"http or https address, demo, or empty",
		"Engine to use instead of those that are found, of whatever kind; empty = look for engines (engines.discover)."),
	choice("engine.demo", "auto", []string{"auto", "always", "never"}, func(c *Config) *string { return &c.Engine.Demo },
		"When the demo engine gives simulated answers; auto = until a real engine was ever seen."),

	toggle("engines.discover", true, func(c *Config) *bool { return &c.Engines.Discover },
		"Look for engines of this machine: Ollama (OLLAMA_HOST, port 11434), LM Studio (1234), llama.cpp (8080, 9931), KoboldCpp (5001)."),
	list("engines.list", func(c *Config) *[]string { return &c.Engines.List }, checkEngineItem,
		"name=URL, or name=kind URL with kind ollama, lmstudio, llamacpp, koboldcpp or openai",
		"Engines elsewhere, such as vLLM on a bigger machine: box=openai https://box.lan:8000. Without a kind they are asked."),
	list("engines.keys", func(c *Config) *[]string { return &c.Engines.Keys }, checkEngineKey,
		"key=engine, or $VARIABLE=engine",
		"API keys that engines want, by the engine's name or kind; $VARIABLE is read from the environment.").secret(),
	list("engines.order", func(c *Config) *[]string { return &c.Engines.Order }, checkEngineName,
		"names or kinds of engines",
		"Engines in the order in which they are preferred; all others follow."),
	list("engines.gpu_group", func(c *Config) *[]string { return &c.Engines.Groups }, checkEngineGroup,
		"engine=GPU",
		"Engines that share a GPU, by name or kind: those of one group share one limit, as in ollama=0, lmstudio=0."),
	text("engines.ca_file", "", func(c *Config) *string { return &c.Engines.CAFile }, checkAuthorities,
		"PEM file, or empty",
		"Certificate authorities to trust for https engines, besides the system's."),
	list("engines.start", func(c *Config) *[]string { return &c.Engines.Start }, checkStarted,
		"ollama, llamacpp, lmstudio",
		"Engines that are started with Carpool, watched, and stopped with it.").atRestart(),
	number("engines.slots", 0, 0, 64, "requests", func(c *Config) *int { return &c.Engines.Slots },
		"Requests that an engine started by Carpool runs at once; 0 = as many as the GPU's memory carries. Counts at its next start."),
	number("engines.context", 0, 0, 1048576, "tokens", func(c *Config) *int { return &c.Engines.Context },
		"Context of each of these requests; 0 = the engine's own default. Counts at the engine's next start."),
	text("engines.llamacpp_model", "", func(c *Config) *string { return &c.Engines.LlamaCPPModel }, checkModelSource,
		"a .gguf file, user/repository, or empty",
		"Model that llama-server is started with; empty = it loads what is asked for, where this build can."),

	text("gpu.device", "", func(c *Config) *string { return &c.GPU.Device }, checkDevice,
		"number from 0, UUID, or empty",
		"GPU to go by, as `carpool gpu` lists it; empty = the one that the engine runs on."),
	number("gpu.sample_ms", 1000, 200, 10000, "ms", func(c *Config) *int { return &c.GPU.SampleMS },
		"Time between two readings of the GPU."),
	number("gpu.reserve_mib", 512, 0, 65536, "MiB", func(c *Config) *int { return &c.GPU.ReserveMiB },
		"GPU memory that adaptive batching leaves free."),

	choice("yield.mode", "shrink", []string{"off", "shrink", "unload"}, func(c *Config) *string { return &c.Yield.Mode },
		"When another program takes the GPU: shrink = fewer requests at once and none in the background; unload = idle models leave its memory too."),
	number("yield.size", 1, 1, 64, "requests", func(c *Config) *int { return &c.Yield.Size },
		"Most requests in flight for each model while Carpool makes way."),
	number("yield.memory_mib", 2048, 0, 262144, "MiB", func(c *Config) *int { return &c.Yield.MemoryMiB },
		"GPU memory of other programs from which on they count as having taken the GPU; 0 = memory does not count."),
	number("yield.utilization_pct", 30, 0, 100, "%", func(c *Config) *int { return &c.Yield.UtilizationPct },
		"Share of the GPU's time from which on other programs count as having taken it; 0 = time does not count."),
	toggle("yield.fullscreen", true, func(c *Config) *bool { return &c.Yield.Fullscreen },
		"A program that fills the screen, such as a game, counts as having taken the GPU (Windows)."),
	number("yield.after_s", 5, 1, 600, "s", func(c *Config) *int { return &c.Yield.AfterS },
		"How long another program must have the GPU before Carpool makes way."),
	number("yield.back_s", 20, 1, 3600, "s", func(c *Config) *int { return &c.Yield.BackS },
		"How long the GPU must be free again before Carpool comes back."),

	text("energy.price", "", func(c *Config) *string { return &c.Energy.Price }, checkPrice,
		"amount and currency, as 0.35 EUR, or empty",
		"Price of a kilowatt-hour; with it, energy is shown as money too."),

	toggle("history.enabled", true, func(c *Config) *bool { return &c.History.Enabled },
		"Keep times, counts and names of requests on disk; never prompts or answers."),
	number("history.retention_days", 90, 0, 3650, "days", func(c *Config) *int { return &c.History.RetentionDays },
		"Age at which requests, batches and decisions are deleted from the history; 0 = kept for ever."),
	number("history.raw_days", 7, 1, 365, "days", func(c *Config) *int { return &c.History.RawDays },
		"Age at which the history's seconds are deleted; their minutes stay."),
	number("history.minute_days", 90, 1, 3650, "days", func(c *Config) *int { return &c.History.MinuteDays },
		"Age at which the history's minutes are deleted; their hours stay for ever."),
	number("history.max_mib", 900, 0, 1048576, "MiB", func(c *Config) *int { return &c.History.MaxMiB },
		"Size of the history's file from which on the oldest rows are deleted; 0 = no bound."),

	toggle("notify.engine", true, func(c *Config) *bool { return &c.Notify.Engine },
		"Tell the desktop when an engine is lost and when it is back."),
	toggle("notify.yield", true, func(c *Config) *bool { return &c.Notify.Yield },
		"Tell the desktop when Carpool makes way for another program."),
	toggle("notify.history", true, func(c *Config) *bool { return &c.Notify.History },
		"Tell the desktop when the history cannot be written."),

	choice("log.level", "info", []string{"debug", "info", "warn", "error"}, func(c *Config) *string { return &c.Log.Level },
		"How much the log file tells."),

	text("tracing.endpoint", "", func(c *Config) *string { return &c.Tracing.Endpoint }, checkEndpoint,
		"http or https address, such as http://127.0.0.1:4318, or empty",
		"Collector of OpenTelemetry traces (OTLP over HTTP) that is told times, counts and names of requests; empty = nobody is."),

	choice("window.theme", "auto", []string{"auto", "dark", "light"}, func(c *Config) *string { return &c.Window.Theme },
		"Colours of the window; auto follows the desktop."),
	choice("window.language", "auto", []string{"auto", "en", "de", "es", "zh"}, func(c *Config) *string { return &c.Window.Language },
		"Language of the window; auto follows the desktop."),
	toggle("window.welcome", true, func(c *Config) *bool { return &c.Window.Welcome },
		"Greet at the next start of the window: the engines found and the address for apps."),
	toggle("window.explain_off", true, func(c *Config) *bool { return &c.Window.ExplainOff },
		"Explain what off means when batching is turned off the next time."),
	toggle("window.close_to_tray", true, func(c *Config) *bool { return &c.Window.CloseToTray },
		"Closing the window leaves Carpool running in the tray."),
}

func toggle(key string, initial bool, field func(*Config) *bool, help string) entry {
	return entry{Setting: Setting{Key: key, Range: "true, false", Help: help}.withDefault(initial),
		initial: initial, field: func(c *Config) any { return field(c) }}
}

func number(key string, initial, low, high int, unit string, field func(*Config) *int, help string) entry {
	return entry{Setting: Setting{Key: key, Range: fmt.Sprintf("%d–%d", low, high), Min: low, Max: high, Unit: unit, Help: help}.withDefault(initial),
		initial: initial, field: func(c *Config) any { return field(c) }}
}

func choice(key, initial string, values []string, field func(*Config) *string, help string) entry {
	return entry{Setting: Setting{Key: key, Range: strings.Join(values, ", "), Values: values, Help: help}.withDefault(initial),
		initial: initial, field: func(c *Config) any { return field(c) }}
}

func text(key, initial string, field func(*Config) *string, check func(string) error, span, help string) entry {
	return entry{Setting: Setting{Key: key, Range: span, Help: help}.withDefault(initial),
		initial: initial, field: func(c *Config) any { return field(c) }, check: check}
}

func list(key string, field func(*Config) *[]string, check func(string) error, span, help string) entry {
	return entry{Setting: Setting{Key: key, Range: span, Help: help}.withDefault([]string{}),
		initial: []string{}, field: func(c *Config) any { return field(c) }, check: check}
}

func (s Setting) withDefault(v any) Setting {
	s.Default = plain(v)
	return s
}

func (e entry) atRestart() entry {
	e.Restart = true
	return e
}

func (e entry) alias(name string) entry {
	e.Alias = name
	return e
}

func (e entry) secret() entry {
	e.Secret = true
	return e
}
