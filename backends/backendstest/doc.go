// Package backendstest is a scripted engine for tests: it speaks Ollama's, the
// OpenAI and the Anthropic dialect, does exactly what a test tells it to, and
// counts what it sees.
//
// Without a script it answers every model it lists with eight tokens, each the
// nonce that it found in the request ("nonce:XXXX"), so that an answer that
// reaches the wrong client is seen in its first word. All its bytes are the same
// each time, so an answer through a gateway can be compared with a direct one.
//
//	func TestSerial(t *testing.T) {
//		engine := backendstest.New(t)      // http on engine.URL, closed by t.Cleanup
//		engine.Hold()                      // requests wait once they have arrived
//		go ask(engine.URL, "nonce:first")
//		go ask(engine.URL, "nonce:second")
//		one := engine.Next()               // waits until one is there
//		one.Release()                      // it gets its answer
//		engine.Next().Release(backendstest.Script{Tokens: 5, At: 2, End: backendstest.Reset})
//		if engine.Peak() != 1 { … }
//	}
//
// Use [NewInMemory] inside a synctest bubble: it has no socket and is reached by
// [Engine.Transport] or [Engine.ServeHTTP].
package backendstest
