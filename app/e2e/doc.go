// Package e2e tests Carpool on a real Ollama server. `make e2e` runs it, or
//
//	go test -tags e2e -timeout 30m ./app/e2e
//
// The server is the one that CARPOOL_OLLAMA names, else the one on PATH, else one
// that ollama/build.sh builds once and keeps in the user's cache. Its models are
// written by package gguf: noise, or a few words that they were taught, but loaded,
// run and streamed like any other.
// Carpool runs as a process of its own, built as for a server without a desktop,
// behind it a meter that counts what reaches the engine. Everything listens on
// loopback and lives in one temporary folder; each program hangs on a leash that
// ends it with the test binary, however that ends.
//
// Tests of what the scheduler gains start engines of their own, with the slots and
// the room for models that they need, and Carpool with its default settings. No
// figure is absolute: a test asks the engine directly too, or measures what one
// request takes, and compares the two of one run.
//
// TestContract, TestClients and TestOllamaJudges are about every kind of engine:
// that Ollama, the same one as if it spoke OpenAI's dialect alone, and the scripted
// LM Studio, llama-server and vLLM of backendstest. What TestContract finds is the
// table of docs/engines.md, which -update writes:
//
//	go test -tags e2e -run TestContract ./app/e2e -args -update
//
// TestFaults… are about an Ollama that is killed, frozen, wedged, or has no room left,
// each on a server of its own with nothing between it and Carpool. With CARPOOL_TRUST
// set to "full" it is frozen for 90 s under Carpool's own limits, and killed five times
// as often.
//
// The libraries of npm are pinned in clients/, run on Node.js from 18 on, and are
// kept in the user's cache; without Node.js their tests are skipped, unless
// CARPOOL_NODE is "required", as it is for `make e2e`.
//
// When the tests are done the history is audited: a row for each request and each
// batch, and the same sums as in GET /health, in the clients' headers and at the
// meter. So every test also tests the history.
package e2e
