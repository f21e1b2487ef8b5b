// Package containers finds the apps that run in containers of this computer, and how each
// of them reaches Carpool, which listens where a container's own 127.0.0.1 is not.
//
// It asks the socket of Docker and of Podman; where there is none that answers, as on
// Windows, their programs. It only reads, and takes addresses alone from a container's
// environment: keys stand there too. It may be called from any goroutine.
package containers

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"
)

// patience bounds each question to Docker or Podman.
const patience = 5 * time.Second

// Container is one that runs an app Carpool knows.
type Container struct {
	Name, App, Image string
	By               string   // "docker" or "podman"
	Host             bool     // it shares this computer's network
	Composed         bool     // a compose file says what it is
	Named            bool     // it was told that host.docker.internal is this computer
	Gateway          string   // this computer's IP address in its network; "" = not known
	Points           []string // addresses of engines in its environment
	Ports            []string // "3000:8080" or "127.0.0.1:3000:8080", as docker run -p takes them
	Volumes          []string // "open-webui:/app/backend/data", as docker run -v takes them
}

// apps are those that are known, by a part of their image's name.
var apps = []struct{ image, app string }{
	{"open-webui", "Open WebUI"}, {"anythingllm", "AnythingLLM"}, {"librechat", "LibreChat"}, {"lobe-chat", "LobeChat"},
	{"sillytavern", "SillyTavern"}, {"n8nio/n8n", "n8n"},
}

// appOf is what people call the app of an image; "" = Carpool does not know it.
func appOf(image string) string {
	for _, a := range apps {
		if strings.Contains(strings.ToLower(image), a.image) {
			return a.app
		}
	}
	return ""
}

// Apps are those that are known, as people call them.
func Apps() []string {
	var all []string
	for _, a := range apps {
		all = append(all, a.app)
	}
	return all
}

// asker tells of containers: a socket or a program.
type asker interface {
	images(ctx context.Context) (map[string]string, error) // of those that run, by id
	inspect(ctx context.Context, id string) ([]byte, error)
}

// List are the containers that run an app Carpool knows. The error says why they cannot
// be seen; without Docker and Podman there is none.
func List(ctx context.Context) ([]Container, error) {
	var all []Container
	var failed error
	for _, by := range []string{"docker", "podman"} {
		found, err := list(ctx, by)
		all, failed = append(all, found...), errors.Join(failed, err)
	}
	if len(all) > 0 {
		return all, nil
	}
	return nil, failed
}

// list asks the first of Docker's or Podman's askers that there is.
func list(ctx context.Context, by string) ([]Container, error) {
	var failed error
	for _, a := range askers(by) {
		all, err := from(ctx, a, by)
		switch {
		case err == nil:
			return all, nil
		case errors.Is(err, fs.ErrNotExist):
		case errors.Is(err, fs.ErrPermission):
			return nil, fmt.Errorf("you may not ask %s: %w", by, err)
		default:
			failed = fmt.Errorf("%s does not answer: %w", by, err)
		}
	}
	return nil, failed
}

func from(ctx context.Context, a asker, by string) ([]Container, error) {
	images, err := a.images(ctx)
	if err != nil {
		return nil, err
	}
	var all []Container
	for id, image := range images {
		app := appOf(image)
		if app == "" {
			continue
		}
		text, err := a.inspect(ctx, id)
		if err != nil {
			return nil, err
		}
		c, err := read(text)
		if err != nil {
			return nil, err
		}
		c.App, c.By, c.Image = app, by, image
		all = append(all, c)
	}
	sort(all)
	return all, nil
}

// askers are where Docker or Podman may be, the likeliest first. A variable of the
// environment that names one counts alone.
func askers(by string) []asker {
	name, in := "DOCKER_HOST", []string{"/var/run/docker.sock", "$XDG_RUNTIME_DIR/docker.sock", "$HOME/.docker/run/docker.sock", "$HOME/.docker/desktop/docker.sock"}
	if by == "podman" {
		name, in = "CONTAINER_HOST", []string{"$XDG_RUNTIME_DIR/podman/podman.sock", "/run/podman/podman.sock"}
	}
	if path, ok := strings.CutPrefix(os.Getenv(name), "unix://"); ok {
		return []asker{newSocket(path)}
	}
	var all []asker
	for _, path := range in {
		if path = os.ExpandEnv(path); strings.HasPrefix(path, "/") {
			all = append(all, newSocket(path))
		}
	}
	return append(all, program(by))
}
