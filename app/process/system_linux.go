package process

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/mdlayher/netlink"
	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// maxRecent bounds the processes that are looked at before all others.
const maxRecent = 32

// sockets asks the kernel for each connection by name (sock_diag), which takes
// some 10 µs, and then looks for the socket among the open files of processes,
// beginning with those that were found lately and the youngest. The usual list,
// /proc/net/tcp, costs milliseconds however short it is, since the kernel walks
// its whole table for it.
type sockets struct {
	names
	diag   *netlink.Conn // nil: not allowed here, and the usual way is taken
	recent []int32       // process ids, the last found first
}

func openSystem() system {
	s := &sockets{names: newNames()}
	if diag, err := netlink.Dial(unix.NETLINK_SOCK_DIAG, nil); err == nil {
		s.diag = diag
		if !s.works() {
			s.close()
			s.diag = nil
		}
	}
	return s
}

// works tries the kernel with a socket that is known to be there: it has the
// same error for a missing socket and a missing module.
func (s *sockets) works() bool {
	l, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return false
	}
	defer func() { _ = l.Close() }()
	inode, _, err := s.socket(Ends{Client: l.Addr().(*net.TCPAddr).AddrPort(), Server: netip.AddrPortFrom(netip.IPv4Unspecified(), 0)})
	return err == nil && inode != 0
}

func (s *sockets) close() {
	if s.diag != nil {
		_ = s.diag.Close()
	}
}

func (s *sockets) owners(ctx context.Context, wanted []Ends) map[Ends]int32 {
	if s.diag == nil {
		return connections(ctx, wanted)
	}
	inodes := map[string]Ends{} // by what the link of an open file says
	for _, e := range wanted {
		inode, uid, err := s.socket(e)
		if err == nil && inode != 0 && mayLookInto(uid) {
			inodes[fmt.Sprintf("socket:[%d]", inode)] = e
		}
	}
	found := map[Ends]int32{}
	s.search(s.recent, inodes, found)
	if len(inodes) > 0 && ctx.Err() == nil {
		s.search(youngestFirst(), inodes, found)
	}
	s.remember(found)
	return found
}

// mayLookInto tells whether the open files of a user's processes can be read.
func mayLookInto(uid uint32) bool {
	own := os.Geteuid()
	return own == 0 || uint32(own) == uid
}

// search moves what it finds among the open files of processes from inodes to
// found.
func (s *sockets) search(pids []int32, inodes map[string]Ends, found map[Ends]int32) {
	for _, pid := range pids {
		if len(inodes) == 0 {
			return
		}
		p, err := procfs.NewProc(int(pid))
		if err != nil {
			continue
		}
		files, err := p.FileDescriptorTargets()
		if err != nil {
			continue
		}
		for _, f := range files {
			if e, ok := inodes[f]; ok {
				found[e] = pid
				delete(inodes, f)
			}
		}
	}
}

// youngestFirst lists all processes, backwards from the one that was started
// last.
func youngestFirst() []int32 {
	all, err := procfs.AllProcs()
	if err != nil {
		return nil
	}
	pids := make([]int32, len(all))
	for i, p := range all {
		pids[i] = int32(p.PID)
	}
	slices.SortFunc(pids, func(a, b int32) int { return cmp.Compare(b, a) })
	// Ids begin anew after the highest, so those above the last are the oldest.
	last := lastStarted()
	older := slices.IndexFunc(pids, func(p int32) bool { return p <= last })
	if older < 0 {
		return pids
	}
	return slices.Concat(pids[older:], pids[:older])
}

// lastStarted is the process id that was given last; 0 = not known.
func lastStarted() int32 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	i := strings.LastIndexByte(string(text), ' ')
	last, err := strconv.ParseInt(strings.TrimSpace(string(text[i+1:])), 10, 32)
	if err != nil {
		return 0
	}
	return int32(last)
}

// remember puts the processes found in front.
func (s *sockets) remember(found map[Ends]int32) {
	for _, pid := range found {
		s.recent = slices.DeleteFunc(s.recent, func(p int32) bool { return p == pid })
		s.recent = slices.Insert(s.recent, 0, pid)
	}
	s.recent = s.recent[:min(len(s.recent), maxRecent)]
}

// Where things stand in struct inet_diag_req_v2 and struct inet_diag_msg.
const (
	requestSize   = 56
	atFamily      = 0
	atProtocol    = 1
	atStates      = 4
	atSourcePort  = 8
	atTargetPort  = 10
	atSource      = 12
	atTarget      = 28
	atCookie      = 48
	answerSize    = 72
	atAnswerUID   = 64
	atAnswerInode = 68
)

// socket asks for the client's socket of a connection and its user. A client
// that reached an IPv4 address over IPv6 is found too.
func (s *sockets) socket(e Ends) (inode, uid uint32, err error) {
	q := make([]byte, requestSize)
	q[atFamily] = unix.AF_INET
	if e.Client.Addr().Is6() {
		q[atFamily] = unix.AF_INET6
	}
	q[atProtocol] = unix.IPPROTO_TCP
	binary.NativeEndian.PutUint32(q[atStates:], ^uint32(0))
	binary.BigEndian.PutUint16(q[atSourcePort:], e.Client.Port())
	binary.BigEndian.PutUint16(q[atTargetPort:], e.Server.Port())
	copy(q[atSource:], e.Client.Addr().AsSlice())
	copy(q[atTarget:], e.Server.Addr().AsSlice())
	binary.NativeEndian.PutUint64(q[atCookie:], ^uint64(0)) // none
	answers, err := s.diag.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.SOCK_DIAG_BY_FAMILY, Flags: netlink.Request}, Data: q,
	})
	if err != nil {
		return 0, 0, err
	}
	if len(answers) != 1 || len(answers[0].Data) < answerSize {
		return 0, 0, errors.New("sock_diag: unexpected answer")
	}
	a := answers[0].Data
	return binary.NativeEndian.Uint32(a[atAnswerInode:]), binary.NativeEndian.Uint32(a[atAnswerUID:]), nil
}

// cgroup is the path of a process in the tree of systemd.
func cgroup(pid int32) string {
	p, err := procfs.NewProc(int(pid))
	if err != nil {
		return ""
	}
	groups, err := p.Cgroups()
	if err != nil {
		return ""
	}
	for _, g := range groups {
		if strings.Contains(g.Path, "app-flatpak-") {
			return g.Path
		}
	}
	return ""
}
