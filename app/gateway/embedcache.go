package gateway

import (
	"crypto/sha256"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"carpool/backends"
)

// embedCache keeps vectors that engines have computed, the last used ones, up to
// a number of bytes. A text is kept as a hash only. A vector is found again by
// the same text with the same options for the same content of the same model, so
// it is the one that the engine would compute again.
//
// All apps share it: an app that measures times can learn whether another one of
// the same user has embedded a text that it guesses.
type embedCache struct {
	mu    sync.Mutex
	lru   *simplelru.LRU[cacheKey, cached]
	used  int64
	limit int64
	age   uint64 // grows whenever all is forgotten
	stats CacheStats
}

// CacheStats tell what the cache of embeddings did since the start.
type CacheStats struct {
	Hits    uint64 `json:"hits"`    // calls answered without the engine
	Misses  uint64 `json:"misses"`  // calls that could have been
	Entries int    `json:"entries"` // vectors held
	Bytes   int64  `json:"bytes"`   // memory for them
	Limit   int64  `json:"limit_bytes"`
}

type cacheKey [sha256.Size]byte

type cached struct {
	raw    []byte
	tokens int
	exact  bool
}

// entryBytes is what an entry takes beside its vector, about.
const entryBytes = 256

func (v cached) bytes() int64 { return int64(len(v.raw)) + entryBytes }

// cacheScope is all that a vector depends on but its text.
type cacheScope struct {
	sum cacheKey
	age uint64
}

func newEmbedCache() *embedCache {
	c := &embedCache{}
	c.lru, _ = simplelru.NewLRU(math.MaxInt, func(_ cacheKey, v cached) { c.used -= v.bytes() }) // fails for sizes below 1 only
	return c
}

// configure sets the bound in bytes; 0 = nothing is kept.
func (c *embedCache) configure(limit int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limit = limit
	c.shrink()
}

func (c *embedCache) shrink() {
	for c.used > c.limit {
		c.lru.RemoveOldest()
	}
}

// forget empties the cache, because a model may have changed. What is computed
// now is not kept either.
func (c *embedCache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.age++
	c.lru.Purge()
}

// scope is false for a call that is not kept: the engine does not say which
// content its model has, or nothing is kept at all.
func (c *embedCache) scope(t backends.Target, model string, e *embedCall) (cacheScope, bool) {
	c.mu.Lock()
	age, on := c.age, c.limit > 0
	c.mu.Unlock()
	content := ""
	for _, m := range t.Models {
		if m.Name == model {
			content = m.Digest
		}
	}
	if !on || content == "" || t.Simulated {
		return cacheScope{}, false
	}
	h := sha256.New()
	for _, part := range []string{t.Name, t.Base.String(), t.Version, model, content} {
		addPart(h, []byte(part))
	}
	e.addTo(h)
	return cacheScope{cacheKey(h.Sum(nil)), age}, true
}

func (s cacheScope) key(text []byte) cacheKey {
	h := sha256.New()
	addPart(h, s.sum[:])
	addPart(h, text)
	return cacheKey(h.Sum(nil))
}

// find returns the vectors of all texts, or false if one of them is not there.
func (c *embedCache) find(s cacheScope, texts [][]byte) ([]vector, bool) {
	found := make([]vector, 0, len(texts))
	keys := make([]cacheKey, len(texts))
	for i, t := range texts {
		keys[i] = s.key(t)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range keys {
		v, ok := c.lru.Get(k)
		if !ok {
			c.stats.Misses++
			return nil, false
		}
		found = append(found, vector{raw: v.raw, tokens: v.tokens, exact: v.exact})
	}
	c.stats.Hits++
	return found, true
}

// keep takes the vectors of texts over. It copies them: they are parts of an
// answer that is much larger.
func (c *embedCache) keep(s cacheScope, texts [][]byte, vectors []vector) {
	for i, v := range vectors {
		entry := cached{append([]byte(nil), v.raw...), v.tokens, v.exact}
		key := s.key(texts[i])
		c.mu.Lock()
		if s.age == c.age && entry.bytes() <= c.limit {
			if old, ok := c.lru.Peek(key); !ok || entry.exact || !old.exact {
				c.lru.Remove(key)
				c.lru.Add(key, entry)
				c.used += entry.bytes()
				c.shrink()
			}
		}
		c.mu.Unlock()
	}
}

func (c *embedCache) snapshot() CacheStats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stats
	s.Entries, s.Bytes, s.Limit = c.lru.Len(), c.used, c.limit
	return s
}

// changesModels are the paths after which a model's name may mean another content.
var changesModels = map[string]bool{
	"/api/pull": true, "/api/create": true, "/api/copy": true, "/api/delete": true,
}

// blank is an answer of each form with nothing in it, as engines give them.
var blank = map[embedForm]string{
	nativeVectors: `{"model":"","embeddings":[],"total_duration":0,"prompt_eval_count":0}`,
	openaiVectors: `{"object":"list","data":[],"model":"","usage":{"prompt_tokens":0,"total_tokens":0}}` + "\n",
	legacyVector:  `{"embedding":[]}`,
}

var blankItem = []member{{[]byte("object"), []byte(`"embedding"`)}, {[]byte("embedding"), nil}, {[]byte("index"), nil}}

// recall answers from the cache, if it has all that c asks for.
func (c *call) recall() bool {
	if c.embed == nil {
		return false
	}
	scope, ok := c.cache.scope(c.target, canonical(c.target, c.sketch.model), c.embed)
	if !ok {
		return false
	}
	c.scope = &scope
	vectors, ok := c.cache.find(scope, c.embed.texts)
	if !ok {
		return false
	}
	form := c.embed.form
	cut := cursor{text: []byte(blank[form])}
	members, _ := readMembers(&cut) // a constant
	a := embedAnswer{form: form, members: members, tail: cut.text[cut.at:]}
	for i := range vectors {
		vectors[i].members = blankItem
		if vectors[i].tokens < 0 {
			a.prompt = -1
		}
		if !vectors[i].exact {
			c.rec.TokensEstimated = true
		}
	}
	for i, m := range members {
		if string(m.name) == "total_duration" {
			members[i].value = strconv.AppendInt(nil, int64(time.Since(c.arrived)), 10)
		}
	}
	h := c.client.Header()
	h.Set("Content-Type", contentTypes[form])
	h.Set("X-Carpool-Cache", "hit")
	markEngine(h, c.target)
	c.deliver(&a, "", vectors)
	return true
}

var contentTypes = map[embedForm]string{
	nativeVectors: "application/json; charset=utf-8",
	openaiVectors: "application/json",
	legacyVector:  "application/json; charset=utf-8",
}

// deliver writes an answer put together from pieces, asked for under a name that
// may be another client's.
func (c *call) deliver(a *embedAnswer, asked string, vectors []vector) {
	body := a.write(asked, c.embed.model, vectors)
	c.client.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, err := c.client.Write(body)
	c.complete = err == nil
	c.rec.OutputTokens = 0
	if a.prompt >= 0 {
		c.rec.PromptTokens = 0
		for _, v := range vectors {
			c.rec.PromptTokens += v.tokens
		}
	}
}

// remember keeps the vectors of an answer that was passed on as it came.
func (c *call) remember() {
	if c.scope == nil || !c.complete || c.tap == nil || c.rec.EngineStatus != http.StatusOK {
		return
	}
	text, all := c.tap.whole.text()
	if !all {
		return
	}
	if a, err := readEmbedAnswer(c.embed.form, c.embed.texts, text); err == nil {
		c.cache.keep(*c.scope, c.embed.texts, a.vectors)
	}
}
