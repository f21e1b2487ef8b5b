package wiring

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"carpool/app/connect/edit"
)

// backups are what apps' settings were before Carpool changed them, one for each app,
// in a folder that is its user's alone: settings hold keys.
type backups struct{ dir string }

// kept says what was changed, and where.
type kept struct {
	File     string    `json:"file"`
	Made     bool      `json:"made"`   // there was no file
	Before   string    `json:"before"` // SHA-256 of what is kept
	After    string    `json:"after"`  // SHA-256 of what was written
	Endpoint string    `json:"endpoint"`
	Done     edit.Done `json:"done"`
}

func newBackups(stateDir string) backups {
	// By this beginning Carpool knows what is its own in the state folder.
	return backups{filepath.Join(stateDir, "carpool-connect")}
}

// file is where an app's settings are kept.
func (b backups) file(id string) string { return filepath.Join(b.dir, id+".backup") }

func (b backups) record(id string) string { return filepath.Join(b.dir, id+".json") }

// read is what was changed of an app; nil = nothing.
func (b backups) read(id string) (*kept, error) {
	text, err := os.ReadFile(b.record(id))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var k kept
	if err := json.Unmarshal(text, &k); err != nil || k.File == "" {
		return nil, fmt.Errorf("%s is damaged; what was kept is in %s", b.record(id), b.file(id))
	}
	return &k, nil
}

// original is what was kept; nil if there was no file.
func (b backups) original(id string, k *kept) ([]byte, error) {
	if k.Made {
		return nil, nil
	}
	text, err := os.ReadFile(b.file(id))
	if err != nil {
		return nil, err
	}
	if sum(text) != k.Before {
		return nil, fmt.Errorf("%s is not what Carpool had kept there", b.file(id))
	}
	return append([]byte{}, text...), nil
}

// write keeps a text and what is about to be done to it, the text first.
func (b backups) write(id string, k *kept, original []byte) error {
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
		return err
	}
	always := func() error { return nil }
	if err := put(b.file(id), original, 0o600, nil, always); err != nil {
		return err
	}
	text, err := json.MarshalIndent(k, "", "  ")
	if err != nil {
		return err
	}
	return put(b.record(id), append(text, '\n'), 0o600, nil, always)
}

func (b backups) remove(id string) error {
	err := os.Remove(b.record(id))
	if gone := os.Remove(b.file(id)); err == nil && !errors.Is(gone, os.ErrNotExist) {
		err = gone
	}
	return err
}

func sum(text []byte) string {
	s := sha256.Sum256(text)
	return hex.EncodeToString(s[:])
}
