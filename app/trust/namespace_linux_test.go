package trust

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// inside tells a test that it runs in a network of its own.
const inside = "CARPOOL_TRUST_INSIDE"

// inNetwork has a test run again in a network of its own, where nothing but the test
// and what it starts can be, and names are asked of nameServer. It is false in the
// process that only waits for that.
func inNetwork(t *testing.T) bool {
	t.Helper()
	if os.Getenv(inside) != "" {
		return true
	}
	wrap := []string{"-rnm", "sh", "-c", `ip link set lo up && mount --bind "$0" /etc/resolv.conf && exec "$@"`}
	names := filepath.Join(t.TempDir(), "resolv.conf")
	const mode = 0o644
	if err := os.WriteFile(names, []byte("nameserver "+nameServer+"\n"), mode); err != nil {
		t.Fatal(err)
	}
	wrap = append(wrap, names)
	if out, err := exec.Command("unshare", append(slices.Clone(wrap), "test", "-w", "/dev/net/tun")...).CombinedOutput(); err != nil {
		t.Skipf("a network of its own needs rights, programs or a device (unshare, ip, /dev/net/tun) that are missing here: %v, %s", err, out)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("unshare", append(wrap, self, "-test.run", "^"+t.Name()+"$", "-test.v", "-test.count=1")...)
	cmd.Env = append(os.Environ(), inside+"=1")
	out, err := cmd.CombinedOutput()
	if err == nil && strings.Contains(string(out), "--- SKIP: "+t.Name()) {
		t.Skipf("%s", out)
	}
	if err != nil || !strings.Contains(string(out), "--- PASS: "+t.Name()) {
		t.Errorf("%v:\n%s", err, out)
	}
	t.Logf("%s", out)
	return false
}

// The addresses of the one interface beside loopback. All that is not loopback is
// routed there.
const (
	outer4, outer6 = "10.99.0.2", "fd99::2"
	nameServer     = "10.99.0.53"
)

// trap is what leaves the network: an interface with nothing behind it, that notes
// each packet.
type trap struct {
	device *os.File
	done   chan struct{}

	mu      sync.Mutex
	packets []string
}

func newTrap(t testing.TB) *trap {
	t.Helper()
	const name = "egress"
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	request, err := unix.NewIfreq(name)
	if err != nil {
		t.Fatal(err)
	}
	request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, request); err != nil {
		t.Fatal(err)
	}
	for _, args := range []string{
		"addr add " + outer4 + "/24 dev " + name, "addr add " + outer6 + "/64 dev " + name + " nodad", "link set " + name + " up",
		"route add default dev " + name, "-6 route add default dev " + name,
	} {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v, %s", args, err, out)
		}
	}
	p := &trap{device: os.NewFile(uintptr(fd), name), done: make(chan struct{})}
	go p.read()
	t.Cleanup(func() {
		_ = p.device.Close()
		<-p.done
	})
	return p
}

func (p *trap) read() {
	defer close(p.done)
	buffer := make([]byte, 64<<10)
	for {
		n, err := p.device.Read(buffer)
		if err != nil {
			return
		}
		if to, ok := destination(buffer[:n]); ok {
			p.mu.Lock()
			p.packets = append(p.packets, to)
			p.mu.Unlock()
		}
	}
}

// seen is what has left so far, as in "tcp 203.0.113.1:80".
func (p *trap) seen() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.packets)
}

func (p *trap) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.packets = nil
}

// destination is where a packet goes; false for what the kernel says of the
// interface by itself.
func destination(packet []byte) (string, bool) {
	var protocol byte
	var to netip.Addr
	var rest []byte
	switch {
	case len(packet) >= 20 && packet[0]>>4 == 4:
		protocol, to, rest = packet[9], netip.AddrFrom4([4]byte(packet[16:20])), packet[4*int(packet[0]&15):]
	case len(packet) >= 40 && packet[0]>>4 == 6:
		protocol, to, rest = packet[6], netip.AddrFrom16([16]byte(packet[24:40])), packet[40:]
		const options, icmp6 = 0, 58
		if to.IsMulticast() && (protocol == options || protocol == icmp6) {
			return "", false
		}
	default:
		return fmt.Sprintf("%d odd bytes", len(packet)), true
	}
	kind := map[byte]string{unix.IPPROTO_TCP: "tcp", unix.IPPROTO_UDP: "udp"}[protocol]
	if kind == "" || len(rest) < 4 {
		return fmt.Sprintf("protocol %d to %s", protocol, to), true
	}
	return kind + " " + netip.AddrPortFrom(to, binary.BigEndian.Uint16(rest[2:])).String(), true
}

// sockets are the addresses at which a process listens, or receives datagrams.
func sockets(t testing.TB, pid int) []string {
	t.Helper()
	folder := fmt.Sprintf("/proc/%d", pid)
	files, err := os.ReadDir(folder + "/fd")
	if err != nil {
		t.Fatal(err)
	}
	own := map[string]bool{}
	for _, f := range files {
		if link, err := os.Readlink(folder + "/fd/" + f.Name()); err == nil {
			if inode, ok := strings.CutPrefix(link, "socket:["); ok {
				own[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	var all []string
	for _, kind := range []string{"tcp", "tcp6", "udp", "udp6"} {
		text, err := os.ReadFile(folder + "/net/" + kind)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(string(text), "\n")[1:] {
			const address, state, inode, listening = 1, 3, 9, "0A"
			f := strings.Fields(line)
			if len(f) <= inode || !own[f[inode]] || strings.HasPrefix(kind, "tcp") && f[state] != listening {
				continue
			}
			all = append(all, strings.TrimSuffix(kind, "6")+" "+addressOf(t, f[address]))
		}
	}
	slices.Sort(all)
	return all
}

// addressOf reads an address of /proc/net/tcp: words in the machine's order, in hex.
func addressOf(t testing.TB, s string) string {
	t.Helper()
	words, port, _ := strings.Cut(s, ":")
	var bytes []byte
	for ; len(words) >= 8; words = words[8:] {
		var word uint32
		if _, err := fmt.Sscanf(words[:8], "%08X", &word); err != nil {
			t.Fatal(err)
		}
		bytes = binary.NativeEndian.AppendUint32(bytes, word)
	}
	a, ok := netip.AddrFromSlice(bytes)
	var p uint16
	if _, err := fmt.Sscanf(port, "%04X", &p); err != nil || !ok {
		t.Fatalf("%q is no address: %v", s, err)
	}
	return netip.AddrPortFrom(a, p).String()
}
