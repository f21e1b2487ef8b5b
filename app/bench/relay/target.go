package relay

import (
	"context"
	"fmt"
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
	self    string // this program
	folder  string // for files
	targets []*target
	starts  int
}

// set starts them. It is to be struck whatever comes of it.
func set(ctx context.Context, o Options) (*stage, error) {
	folder, err := os.MkdirTemp("", "carpool-bench-")
	if err != nil {
		return nil, err
	}
	s := &stage{self: o.Program, folder: folder}
	engine := func(ctx context.Context) (*program, error) { return s.part(ctx, "engine") }
	if err := s.add(ctx, direct, engine); err != nil {
		return s, err
	}
	if err := s.add(ctx, plain, func(ctx context.Context) (*program, error) {
		return s.part(ctx, "plain", "http://"+s.targets[0].address())
	}); err != nil {
		return s, err
	}
	if err := s.add(ctx, carpool, s.carpool); err != nil {
		return s, err
	}
	if path, err := exec.LookPath("nginx"); err == nil {
		return s, s.add(ctx, nginx, func(ctx context.Context) (*program, error) { return s.nginx(ctx, path) })
	}
	return s, nil
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
func (s *stage) part(ctx context.Context, part string, more ...string) (*program, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	return launch(ctx, address, append([]string{s.self, "bench-part", part, address}, more...)...)
}

// settings have everything on and let everything in: what is measured is the path.
const settings = `[engine]
url = "http://%s"
[batching]
mode = "fixed"
max_batch_size = %d
[queue]
max_waiting = 20000
reserved_others = 0
`

// carpool starts one with a new history.
func (s *stage) carpool(ctx context.Context) (*program, error) {
	const everything = 8192
	return s.carpoolOf(ctx, everything)
}

// carpoolOf starts one that lets so many in at once.
func (s *stage) carpoolOf(ctx context.Context, size int) (*program, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	s.starts++
	home := filepath.Join(s.folder, fmt.Sprint("carpool", s.starts))
	const ownerOnly = 0o700
	if err := os.MkdirAll(home, ownerOnly); err != nil {
		return nil, err
	}
	file := filepath.Join(home, "carpool.toml")
	const private = 0o600
	if err := os.WriteFile(file, fmt.Appendf(nil, settings, s.targets[0].address(), size), private); err != nil {
		return nil, err
	}
	return launch(ctx, address, s.self, "serve", "--listen", address, "--config", file, "--state", filepath.Join(home, "state"))
}

// nginx starts one that relays streams as they come.
func (s *stage) nginx(ctx context.Context, path string) (*program, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	s.starts++
	home := filepath.Join(s.folder, fmt.Sprint("nginx", s.starts))
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
worker_processes 2;
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
  upstream engine { server ENGINE; keepalive 8192; }
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
