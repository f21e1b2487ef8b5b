package control

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/adrg/xdg"
)

// maxPath is how long a socket's path may be, in bytes: systems allow 104 to
// 108 with the end mark.
const maxPath = 100

// SocketPath is where the Carpool of a state folder can be reached: carpool.sock
// in the folder, or, where that path is too long for a socket, a name made from
// it in the user's runtime folder.
func SocketPath(stateDir string) (string, error) {
	dir, err := filepath.Abs(stateDir)
	if err != nil {
		return "", fmt.Errorf("state folder: %w", err)
	}
	if path := filepath.Join(dir, "carpool.sock"); len(path) <= maxPath {
		return path, nil
	}
	sum := sha256.Sum256([]byte(dir))
	name := hex.EncodeToString(sum[:8]) + ".sock"
	if info, err := os.Stat(xdg.RuntimeDir); err == nil && info.IsDir() {
		if path := filepath.Join(xdg.RuntimeDir, "carpool", name); len(path) <= maxPath {
			return path, nil
		}
	}
	return filepath.Join(os.TempDir(), fmt.Sprintf("carpool-%d", os.Getuid()), name), nil
}

// makeFolder makes the socket's folder. It refuses one in which every user may
// replace the socket.
func makeFolder(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o002 != 0 && runtime.GOOS != "windows" {
		return fmt.Errorf("every user may write in %s", dir)
	}
	return nil
}
