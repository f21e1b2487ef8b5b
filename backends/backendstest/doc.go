// Package backendstest has scripted engines for tests: they do exactly what a
// test tells them to, and count what they see. [New] is like Ollama and speaks
// the OpenAI and the Anthropic dialect, too; [NewLMStudio], [NewLlamaServer], [NewVLLM]
// and [NewKoboldCPP] are built from the documentation or the source of those engines.
//
// Without a script an engine like Ollama answers every model it lists with eight tokens, each the
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
// Use [NewInMemory] and its like inside a synctest bubble: they have no socket
// and are reached by [Engine.Transport] or [Engine.ServeHTTP].
//
// # Engines that read their requests
//
// LM Studio, llama-server, vLLM and KoboldCpp answer what they were asked, the same each
// time, in text that only the prompt decides. A token is a word, or a piece of a
// long one; a prompt has as many as it has words. They go by what they find in the
// last message, which must be the user's:
//
//	nonce:XXXX          eight tokens, each the nonce, as above
//	think               a thought comes first, unless the request turns it off
//	call:NAME           a call of that tool, if it was offered; several for several
//	call:NAME{"a":1}    the same with these arguments; else the least its schema asks for
//	an image            its size in bytes
//
// After the results of tools the answer quotes them, a JSON schema is answered
// with a small document that satisfies it, stop words and limits are kept to.
// Script works as before; Script.Tokens replaces the answer by that many tokens.
//
// What differs between the versions of an engine, or is wrong in it, is a [Quirk]
// that [Engine.SetQuirk] turns on and off; [Quirks] says which there are. Their
// answers to /v1/responses and /v1/messages are framed by Ollama's converters and
// are the only ones whose bytes differ each time.
//
// Not there: several prompts or choices in one request, log probabilities, chats
// that an engine remembers, downloads, MCP.
package backendstest
