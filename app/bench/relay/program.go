package relay

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/shirou/gopsutil/v4/process"
)

// program is a process of the benchmark: the engine or a gateway.
type program struct {
	cmd     *exec.Cmd
	address string
	said    bytes.Buffer // on stderr; read after its end
	ended   chan struct{}
	err     error // of its end; after ended
}

// patience is how long a program may take to start or to end.
const patience = 30 * time.Second

// launch starts a program that listens at address.
func launch(ctx context.Context, address string, line ...string) (*program, error) {
	cmd := exec.CommandContext(ctx, line[0], line[1:]...) //nolint:gosec // this program itself, or the nginx of the PATH
	p := &program{cmd: cmd, address: address, ended: make(chan struct{})}
	p.cmd.Stderr, p.cmd.Stdout = &p.said, io.Discard
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = patience
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	if err := p.await(ctx); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return p, nil
}

// await waits until the program answers at all.
func (p *program) await(ctx context.Context) error {
	const pause = 2 * time.Millisecond
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if ask(ctx, p.address) == nil {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s ended: %w: %s", p.cmd.Path, p.err, &p.said)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
	return fmt.Errorf("%s does not answer at %s", p.cmd.Path, p.address)
}

// ask sends a request that an engine answers without a model.
func ask(ctx context.Context, address string) error {
	c, err := dial(ctx, address)
	if err != nil {
		return err
	}
	defer c.close()
	if _, err := fmt.Fprintf(c.conn, "GET /api/version HTTP/1.1\r\nHost: %s\r\n\r\n", address); err != nil {
		return err
	}
	line, err := bufio.NewReader(c.conn).ReadString('\n')
	if err != nil {
		return err
	}
	if !strings.Contains(line, " 200 ") {
		return fmt.Errorf("answered %q", line)
	}
	return nil
}

// stop ends the program in order.
func (p *program) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(patience):
		return errors.Join(fmt.Errorf("%s does not end", p.cmd.Path), p.cmd.Process.Kill())
	}
}

// processes are the program's own and those that it started.
func (p *program) processes(ctx context.Context) ([]*process.Process, error) {
	own, err := process.NewProcessWithContext(ctx, int32(p.cmd.Process.Pid))
	if err != nil {
		return nil, err
	}
	children, err := own.ChildrenWithContext(ctx)
	if err != nil && !errors.Is(err, process.ErrorNoChildren) {
		return nil, err
	}
	return append(children, own), nil
}

// cpu is the processor time that the program has taken so far, in seconds.
func (p *program) cpu(ctx context.Context) (seconds float64, err error) {
	all, err := p.processes(ctx)
	for _, one := range all {
		t, timesErr := one.TimesWithContext(ctx)
		if err = errors.Join(err, timesErr); err == nil {
			seconds += t.User + t.System
		}
	}
	return seconds, err
}

// memory is what the program holds of the machine's, in bytes: what it shares with
// others in parts, where the system tells (PSS), else whole (RSS).
func (p *program) memory(ctx context.Context) (bytes float64, err error) {
	all, err := p.processes(ctx)
	for _, one := range all {
		if kib, ok := pss(one.Pid); ok {
			bytes += float64(kib) * 1024
			continue
		}
		m, memoryErr := one.MemoryInfoWithContext(ctx)
		if err = errors.Join(err, memoryErr); err == nil {
			bytes += float64(m.RSS)
		}
	}
	return bytes, err
}

// pss reads it from Linux; false where it is not told.
func pss(pid int32) (kib int, ok bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(text)) {
		if n, _ := fmt.Sscanf(line, "Pss: %d kB", &kib); n == 1 {
			return kib, true
		}
	}
	return 0, false
}

// freeAddress is one on loopback for a program that is about to listen there; its
// port is free on IPv6, too, which Carpool binds beside it.
func freeAddress(ctx context.Context) (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
