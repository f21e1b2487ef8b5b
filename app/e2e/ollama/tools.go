//go:build tools

// Package ollama pins what build.sh builds a real Ollama server from. It is a
// module of its own so that the server's dependencies stay out of Carpool's.
package ollama

import (
	_ "github.com/gen2brain/malgo" // brings miniaudio.h
	_ "github.com/ollama/ollama"   // the server
)
