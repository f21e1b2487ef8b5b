package examine

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	psnet "github.com/shirou/gopsutil/v4/net"
	"github.com/shirou/gopsutil/v4/process"

	"carpool/app/doctor"
)

// others are the Carpools that listen on this machine, but for this process and the one
// that runs with this state folder.
func others(ctx context.Context, conns []psnet.ConnectionStat, r *doctor.Running) []doctor.Other {
	own := []int32{0, int32(os.Getpid())} //nolint:gosec // a process id fits
	if r != nil {
		own = append(own, int32(r.PID)) //nolint:gosec // a process id fits
	}
	var all []doctor.Other
	for _, c := range conns {
		if c.Status != "LISTEN" || slices.Contains(own, c.Pid) {
			continue
		}
		own = append(own, c.Pid) // one address is enough to tell it by
		if serves(words(ctx, c.Pid)) {
			all = append(all, doctor.Other{PID: int(c.Pid), Address: net.JoinHostPort(c.Laddr.IP, strconv.Itoa(int(c.Laddr.Port)))})
		}
	}
	return all
}

// words are those of a process's command line; none if they cannot be read.
func words(ctx context.Context, pid int32) []string {
	p, err := process.NewProcessWithContext(ctx, pid)
	if err != nil {
		return nil
	}
	all, err := p.CmdlineSliceWithContext(ctx)
	if err != nil {
		return nil
	}
	return all
}

// serves tells a Carpool that serves from other programs and from its other commands,
// such as the guard of a port that was taken over.
func serves(words []string) bool {
	if len(words) == 0 {
		return false
	}
	switch strings.TrimSuffix(strings.ToLower(filepath.Base(words[0])), ".exe") {
	case "carpool", "carpoolw", "carpool-headless":
		return len(words) == 1 || words[1] == "serve" || strings.HasPrefix(words[1], "-")
	}
	return false
}
