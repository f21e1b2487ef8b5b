package sim

// GPU is a desktop card of 24 GB with a model of 5 GB: one stream runs at about
// 110 tokens per second, sixteen at about 1,000.
func GPU() Profile {
	return Profile{
		Name: "gpu",
		A:    .0085, C1: .00045, C2: .0016, Knee: 16, KVRead: 2e-7,
		Prefill: 5000, NBatch: 2048,
		Memory: 24000, Weights: 5000, MiBPerToken: .125,
		Load: 6, Spill: 8,
	}
}

// Mac is a computer with memory shared between CPU and GPU: slower to read
// prompts, and each further stream costs more.
func Mac() Profile {
	return Profile{
		Name: "mac",
		A:    .0112, C1: .0016, C2: .003, Knee: 16, KVRead: 3e-7,
		Prefill: 1500, NBatch: 2048,
		Memory: 24000, Weights: 8000, MiBPerToken: .125,
		Load: 6, Spill: 8,
	}
}

// Flat is an engine that gains nothing from running requests together.
func Flat() Profile {
	return Profile{
		Name: "flat",
		A:    .0005, C1: .0215, C2: .0215, Knee: 64,
		Prefill: 3000, NBatch: 2048,
		Memory: 24000, Weights: 5000, MiBPerToken: .125,
		Load: 6, Spill: 8,
	}
}

// Dip is GPU with a throughput that falls between five and eight streams, as
// measured on a V100.
func Dip() Profile {
	p := GPU()
	p.Name = "dip"
	for i, rate := range []float64{113.7, 199.2, 237.8, 255.3, 280.8, 260, 268.8, 280.3} {
		p.Table = append(p.Table, float64(i+1)/rate)
	}
	return p
}

// Dyn is GPU on a card of 8 GB that takes cache memory as requests grow.
func Dyn() Profile {
	p := GPU()
	p.Name = "dyn"
	p.KV, p.Memory, p.MiBPerToken = Dynamic, 8000, .25
	return p
}

// Pooled is GPU with one cache of 16,384 tokens for all slots.
func Pooled() Profile {
	p := GPU()
	p.Name = "pool"
	p.KV, p.PoolTokens = Pool, 16384
	return p
}
