package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The targets, in the order of their turns.
const (
	direct  = "direct"
	plain   = "plain"
	carpool = "carpool"
	nginx   = "nginx"
)

// target is what the load is sent to.
type target struct {
	name    string
	program *program
	start   func(ctx context.Context) (*program, error)
}

func (t *target) address() string { return t.program.address }

// restart gives the target a process whose memory nobody has used.
func (t *target) restart(ctx context.Context) error {
	err := t.program.stop()
	if err == nil {
		t.program, err = t.start(ctx)
	}
	return err
}

// stage has the engine and the targets before it running.
type stage struct {
	self    string            // this program
	copies  map[string]string // of it, by the target that runs from one
	folder  string            // for files
	targets []*target
	starts  int
	on      string // what Carpool has at work, by its own word
}

// set starts them. It is to be struck whatever comes of it.
func set(ctx context.Context, o Options) (*stage, error) {
	folder, err := os.MkdirTemp("", "carpool-bench-")
	if err != nil {
		return nil, err
	}
	s := &stage{self: o.Program, folder: folder}
	engine := func(ctx context.Context) (*program, error) { return s.part(ctx, s.self, "engine") }
	if err := s.add(ctx, direct, engine); err != nil {
		return s, err
	}
	if err := s.copyProgram(); err != nil {
		return s, err
	}
	if err := s.add(ctx, plain, func(ctx context.Context) (*program, error) {
		return s.part(ctx, s.copies[plain], "plain", "http://"+s.targets[0].address())
	}); err != nil {
		return s, err
	}
	if err := s.add(ctx, carpool, s.carpool); err != nil {
		return s, err
	}
	if s.on, err = s.witness(ctx, s.targets[len(s.targets)-1].program); err != nil {
		return s, err
	}
	if path, err := exec.LookPath("nginx"); err == nil {
		return s, s.add(ctx, nginx, func(ctx context.Context) (*program, error) { return s.nginx(ctx, path) })
	}
	return s, nil
}

// copyProgram has the gateways run from files of their own: of one file the system
// has one copy in memory, and would count each of them but a part of it.
func (s *stage) copyProgram() error {
	s.copies = map[string]string{}
	for _, name := range []string{plain, carpool} {
		folder := filepath.Join(s.folder, name)
		const ownerOnly = 0o700
		if err := os.Mkdir(folder, ownerOnly); err != nil {
			return err
		}
		s.copies[name] = filepath.Join(folder, filepath.Base(s.self))
		if err := copyFile(s.copies[name], s.self); err != nil {
			return fmt.Errorf("copy the program: %w", err)
		}
	}
	return nil
}

func copyFile(to, from string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	const executable = 0o700
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, executable)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

func (s *stage) add(ctx context.Context, name string, start func(context.Context) (*program, error)) error {
	p, err := start(ctx)
	if err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	s.targets = append(s.targets, &target{name: name, program: p, start: start})
	return nil
}

// strike ends them, the engine last.
func (s *stage) strike() error {
	var err error
	for i := len(s.targets) - 1; i >= 0; i-- {
		if stopErr := s.targets[i].program.stop(); err == nil {
			err = stopErr
		}
	}
	if removeErr := os.RemoveAll(s.folder); err == nil {
		err = removeErr
	}
	return err
}

// part starts one of the benchmark's own programs.
func (s *stage) part(ctx context.Context, program, part string, more ...string) (*program, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	return launch(ctx, address, append([]string{program, "bench-part", part, address}, more...)...)
}

// settings have everything on and let everything in: what is measured is the path.
// Thousands of connections at once are more than a listener has room for; Carpool
// then waits for the engine as long as the plain proxy does.
const settings = `[engine]
url = "http://%s"
[gateway]
connect_timeout_s = 60
[batching]
mode = "fixed"
max_batch_size = %d
[queue]
max_waiting = 20000
reserved_others = 0
`

// everything is the limit of the Carpool that is measured: above any load.
const everything = 8192

// carpool starts one with a new history.
func (s *stage) carpool(ctx context.Context) (*program, error) { return s.carpoolOf(ctx, everything) }

// carpoolOf starts one that lets so many in at once.
func (s *stage) carpoolOf(ctx context.Context, size int) (*program, error) {
	return s.carpoolWith(ctx, s.busySettings(size))
}

func (s *stage) busySettings(size int) []byte {
	return fmt.Appendf(nil, settings, s.targets[0].address(), size)
}

// carpoolWith starts one with its settings and a new history.
func (s *stage) carpoolWith(ctx context.Context, settings []byte, more ...string) (*program, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	s.starts++
	home := s.home()
	const ownerOnly = 0o700
	if err := os.MkdirAll(home, ownerOnly); err != nil {
		return nil, err
	}
	file := filepath.Join(home, "carpool.toml")
	const private = 0o600
	if err := os.WriteFile(file, settings, private); err != nil {
		return nil, err
	}
	return launch(ctx, address, append([]string{s.copies[carpool], "serve", "--listen", address, "--config", file, "--state", filepath.Join(home, "state")}, more...)...)
}

// home is the folder of the gateway that was started last.
func (s *stage) home() string { return filepath.Join(s.folder, fmt.Sprint("gateway", s.starts)) }

// nginx starts one that relays streams as they come.
func (s *stage) nginx(ctx context.Context, path string) (*program, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	s.starts++
	home := s.home()
	const ownerOnly, private = 0o755, 0o644 // its workers are another user's
	if err := os.MkdirAll(home, ownerOnly); err != nil {
		return nil, err
	}
	file := filepath.Join(home, "nginx.conf")
	text := strings.NewReplacer("ADDRESS", address, "ENGINE", s.targets[0].address(), "HOME", home).Replace(nginxConf)
	if err := os.WriteFile(file, []byte(text), private); err != nil {
		return nil, err
	}
	return launch(ctx, address, path, "-c", file, "-p", home)
}

const nginxConf = `daemon off;
worker_processes auto;
worker_rlimit_nofile 65536;
pid HOME/nginx.pid;
error_log HOME/error.log;
events { worker_connections 32768; }
http {
  access_log off;
  client_body_temp_path HOME/body;
  proxy_temp_path HOME/proxy;
  fastcgi_temp_path HOME/fastcgi;
  uwsgi_temp_path HOME/uwsgi;
  scgi_temp_path HOME/scgi;
  upstream engine { server ENGINE; keepalive 8192; keepalive_requests 1000000000; }
  server {
    listen ADDRESS backlog=4096;
    keepalive_requests 1000000000;
    location / {
      proxy_pass http://engine;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering off;
      proxy_read_timeout 600s;
    }
  }
}
`
