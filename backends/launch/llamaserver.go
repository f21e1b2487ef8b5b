package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// HasRouter asks a llama-server whether it can run without a model and load those
// that are asked for, which builds can since the end of 2025.
func HasRouter(ctx context.Context, p Program) bool {
	const patience = 10 * time.Second
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	help, err := exec.CommandContext(ctx, p.Path, "--help").CombinedOutput() //nolint:gosec // the user's own program
	return err == nil && strings.Contains(string(help), "--models-dir")
}

// ModelFile is the full path and the size of a model's file, where the model is
// one and not a repository's name ("", 0).
func ModelFile(model string) (path string, bytes uint64, err error) {
	if model == "" || !isFile(model) {
		return "", 0, nil
	}
	if rest, ok := strings.CutPrefix(model, "~/"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", 0, fmt.Errorf("model: %w", err)
		}
		model = filepath.Join(home, rest)
	}
	info, err := os.Stat(model)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return "", 0, fmt.Errorf("model: there is no file %s, nor is that the name of a repository (user/model)", model)
	case err != nil:
		return "", 0, fmt.Errorf("model: %w", err)
	case info.IsDir():
		return "", 0, fmt.Errorf("model: %s is a folder, not a file", model)
	}
	return model, uint64(info.Size()), nil
}
