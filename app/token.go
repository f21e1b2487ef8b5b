package app

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

const (
	tokenFile = "lan-token"
	// tokenMark makes a token known for what it is where it should not be.
	tokenMark   = "carpool-"
	tokenBytes  = 32
	tokenLength = 20 // characters that one of the user's own has at least
)

// token is what programs of other computers have to know. It is kept in a file of
// its own, of which the first look makes one. Its methods may be called from any
// goroutine.
type token struct {
	path string
	mu   sync.Mutex
}

func newToken(stateDir string) *token { return &token{path: filepath.Join(stateDir, tokenFile)} }

// read is the token in the file, which is the user's alone afterwards.
func (t *token) read() (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	text, err := os.ReadFile(t.path)
	if errors.Is(err, fs.ErrNotExist) {
		return t.write()
	}
	if err == nil {
		err = os.Chmod(t.path, 0o600)
	}
	if err != nil {
		return "", fmt.Errorf("token: %w", err)
	}
	return t.check(string(text))
}

// known is the token, "" if there is none yet or none that can be read.
func (t *token) known() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text, err := os.ReadFile(t.path)
	if err != nil {
		return ""
	}
	word, err := t.check(string(text))
	if err != nil {
		return ""
	}
	return word
}

func (t *token) check(text string) (string, error) {
	word := strings.TrimSpace(text)
	plain := !strings.ContainsFunc(word, func(r rune) bool { return r <= ' ' || r >= 0x7f })
	if len(word) < tokenLength || !plain {
		return "", fmt.Errorf("token: %s holds no token of %d characters or more; \"carpool lan rotate\" makes one", t.path, tokenLength)
	}
	return word, nil
}

// rotate puts a new token in the old one's place.
func (t *token) rotate() (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.write()
}

// write makes a token and a file of it, as a whole or not at all.
func (t *token) write() (word string, err error) {
	bits := make([]byte, tokenBytes)
	_, _ = rand.Read(bits) // it never fails
	word = tokenMark + base64.RawURLEncoding.EncodeToString(bits)
	f, err := os.CreateTemp(filepath.Dir(t.path), "."+tokenFile+".*") // 0600
	if err != nil {
		// Without the file's name, which is another one each time: it is one problem.
		return "", fmt.Errorf("token: make %s: %w", t.path, errors.Unwrap(err))
	}
	_, err = f.WriteString(word + "\n")
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), t.path)
	}
	if err != nil {
		return "", fmt.Errorf("token: %w", errors.Join(err, os.Remove(f.Name())))
	}
	return word, nil
}
