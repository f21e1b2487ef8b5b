//go:build desktop && linux && !headless

package desktop_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/pprof/profile"
)

// BenchmarkWindow measures what the window costs with the demo engine at work: of a
// core, and of memory. The figures are of one run of half a minute each, whatever
// -benchtime says: use -benchtime 1x.
//
// window-% is the Go code of the window and its toolkit in the program's own CPU
// profile, without software GL, which is C; process-% is all of the process: software
// GL, the gateway and the demo engine included.
func BenchmarkWindow(b *testing.B) {
	s := newSession(b)
	profiled := filepath.Join(b.TempDir(), "cpu")
	s.env = append(s.env, "CARPOOL_PROFILE="+profiled)
	s.untold = true
	s.newPanel() // so that the window can hide
	begun := time.Now()
	c := s.openSoon("demo")
	b.Run("FirstFrame", func(b *testing.B) {
		file := filepath.Join(b.TempDir(), "first.png")
		s.eventually("the window is drawn", func() bool {
			id := c.search()
			return id != "" && c.command("import", "-window", id, file).Run() == nil && colors(b, file) > 20
		})
		b.ReportMetric(time.Since(begun).Seconds()*1000, "ms-at-most") // the two programs that look included
		b.ReportMetric(0, "ns/op")
	})
	c.answers()
	win := c.window()
	win.activate()
	stop := c.crowd()
	defer stop()
	time.Sleep(20 * time.Second)
	for i, page := range screens {
		b.Run("Shown/"+page, func(b *testing.B) {
			win.key(fmt.Sprintf("ctrl+%d", i+1))
			time.Sleep(3 * time.Second)
			c.measure(b, profiled)
		})
	}
	b.Run("AllPagesVisited", func(b *testing.B) {
		b.ReportMetric(c.memoryMB("VmRSS"), "MB-resident")
		b.ReportMetric(c.memoryMB("RssFile"), "MB-of-files") // libraries; software GL's are the most
		b.ReportMetric(0, "ns/op")
	})
	b.Run("Hidden", func(b *testing.B) {
		win.close(func() bool { return !c.visible() })
		time.Sleep(3 * time.Second)
		c.measure(b, profiled)
	})
	b.Run("HiddenIdle", func(b *testing.B) {
		stop()
		time.Sleep(3 * time.Second)
		c.measure(b, profiled)
	})
}

const measured = 20 * time.Second

// measure reports what the program costs now.
func (c *carpool) measure(b *testing.B, file string) {
	b.Helper()
	before, begun := c.cpuSeconds(), time.Now()
	c.signal(syscall.SIGUSR1)
	time.Sleep(measured)
	c.signal(syscall.SIGUSR1)
	took := time.Since(begun).Seconds()
	b.ReportMetric(100*(c.cpuSeconds()-before)/took, "process-%")
	var p *profile.Profile
	c.eventually("the profile is written", func() bool {
		text, err := os.ReadFile(file)
		if err == nil {
			p, err = profile.Parse(bytes.NewReader(text))
		}
		return err == nil
	})
	window := int64(0)
	for _, sample := range p.Sample {
		if ofWindow(sample) {
			window += sample.Value[1]
		}
	}
	b.ReportMetric(100*float64(window)/1e9/took, "window-%")
	b.ReportMetric(0, "ns/op")
	if err := os.Remove(file); err != nil {
		b.Fatal(err)
	}
}

// ofWindow reports whether a sample was taken in Go code of the window or its
// toolkit, and not in C, which is GL and the X server's library.
func ofWindow(s *profile.Sample) bool {
	window := false
	for _, l := range s.Location {
		for _, line := range l.Line {
			name := line.Function.Name
			if name == "runtime.cgocall" {
				return false
			}
			window = window || strings.HasPrefix(name, "carpool/ui") || strings.HasPrefix(name, "fyne.io/")
		}
	}
	return window
}

func (c *carpool) signal(s syscall.Signal) {
	c.t.Helper()
	if err := c.cmd.Process.Signal(s); err != nil {
		c.t.Fatal(err)
	}
}

// cpuSeconds is what the process has used so far.
func (c *carpool) cpuSeconds() float64 {
	c.t.Helper()
	const ticksPerSecond = 100 // USER_HZ, on every Linux that Go knows
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", c.cmd.Process.Pid))
	if err != nil {
		c.t.Fatal(err)
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	user, _ := strconv.ParseFloat(fields[11], 64)
	system, _ := strconv.ParseFloat(fields[12], 64)
	return (user + system) / ticksPerSecond
}

// memoryMB is a line of the process's memory, such as VmRSS.
func (c *carpool) memoryMB(line string) float64 {
	c.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		c.t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(text), line+":")
	kilobytes, err := strconv.ParseFloat(strings.Fields(after)[0], 64)
	if err != nil {
		c.t.Fatal(err)
	}
	return kilobytes * 1024 / 1e6
}
