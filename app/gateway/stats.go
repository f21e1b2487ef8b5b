package gateway

import "time"

// Stats are counts since the start, for people and for /metrics.
type Stats struct {
	Merge      MergeStats `json:"merge"`      // of calls for embeddings
	Cache      CacheStats `json:"cache"`      // of embeddings
	Bodies     int64      `json:"bodies"`     // bytes of bodies and shared answers that are held now
	Shared     uint64     `json:"shared"`     // requests that another one's run answered
	Superseded uint64     `json:"superseded"` // waiting requests whose place a newer one took
	Moved      uint64     `json:"moved"`      // requests that went on at another engine
	Again      uint64     `json:"again"`      // of those, the ones that had had a turn at the first one: they were released again
}

// Stats returns the counts since the start.
func (g *Gateway) Stats() Stats {
	return Stats{Merge: g.merger.snapshot(time.Now()), Cache: g.cache.snapshot(),
		Bodies: g.memory.used.Load(), Shared: g.shared.Load(), Superseded: g.superseded.Load(), Moved: g.moved.Load(), Again: g.again.Load()}
}
