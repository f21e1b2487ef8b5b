// Package e2e tests Carpool on a real Ollama server. `make e2e` runs it, or
//
//	go test -tags e2e -timeout 20m ./app/e2e
//
// The server is the one that CARPOOL_OLLAMA names, else the one on PATH, else one
// that ollama/build.sh builds once and keeps in the user's cache. Its models are
// written by package gguf: noise, but loaded, run and streamed like any other.
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
// When the tests are done the history is audited: a row for each request and each
// batch, and the same sums as in GET /health, in the clients' headers and at the
// meter. So every test also tests the history.
package e2e
