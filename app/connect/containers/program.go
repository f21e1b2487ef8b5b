package containers

import (
	"context"
	"errors"
	"io/fs"
	"os/exec"
	"strings"
)

// program is docker or podman, as PATH has it.
type program string

func (p program) images(ctx context.Context) (map[string]string, error) {
	text, err := p.run(ctx, "ps", "--no-trunc", "--format", "{{.ID}}\t{{.Image}}")
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if id, image, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
			all[id] = image
		}
	}
	return all, nil
}

func (p program) inspect(ctx context.Context, id string) ([]byte, error) {
	return p.run(ctx, "inspect", "--type", "container", "--format", "{{json .}}", id)
}

func (p program) run(ctx context.Context, args ...string) ([]byte, error) {
	path, err := exec.LookPath(string(p))
	if err != nil {
		return nil, fs.ErrNotExist
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, args...).Output() //nolint:gosec // docker or podman, as PATH has them
	if e, ok := errors.AsType[*exec.ExitError](err); ok && len(e.Stderr) > 0 {
		first, _, _ := strings.Cut(strings.TrimSpace(string(e.Stderr)), "\n")
		err = errors.New(first)
	}
	return out, err
}
