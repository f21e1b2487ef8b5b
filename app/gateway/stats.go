package gateway

// Stats are counts since the start, for people and for /metrics.
type Stats struct {
	Cache      CacheStats `json:"cache"`      // of embeddings
	Superseded uint64     `json:"superseded"` // waiting requests whose place a newer one took
}

// Stats returns the counts since the start.
func (g *Gateway) Stats() Stats {
	return Stats{Cache: g.cache.snapshot(), Superseded: g.superseded.Load()}
}
