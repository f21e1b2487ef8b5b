package control

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
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

// Socket is a state folder's open socket. Callers wait on it until Serve, which
// also closes it.
type Socket struct{ listener sameUser }

// Listen opens the state folder's socket. One that a killed Carpool left behind
// is replaced, so the caller must hold the folder's lock.
func Listen(ctx context.Context, stateDir string) (*Socket, error) {
	l, err := listen(ctx, stateDir)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	return &Socket{sameUser{l}}, nil
}

// Close closes a socket that is never served: those who wait on it are cut off.
func (s *Socket) Close() error { return s.listener.Close() }

func listen(ctx context.Context, stateDir string) (*net.UnixListener, error) {
	path, err := SocketPath(stateDir)
	if err != nil {
		return nil, err
	}
	if err := makeFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var c net.ListenConfig
	l, err := c.Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l.(*net.UnixListener), nil
}

// sameUser hands out only connections of the user who runs Carpool.
type sameUser struct{ *net.UnixListener }

// Accept implements net.Listener.
func (l sameUser) Accept() (net.Conn, error) {
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		if checkPeer(c) == nil {
			return c, nil
		}
		_ = c.Close()
	}
}
