// Package e2e tests Carpool on a real Ollama server; `make e2e` runs it.
package e2e
