package launch

import (
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
)

func systemRoot() fs.FS { return os.DirFS("/") }

// detect looks for the engine's server among the processes, and then for a unit.
func detect(k Kind, root fs.FS) Found {
	name := processName(k)
	if name == "" {
		return Found{Service: Shell}
	}
	if pid := server(root, name); pid > 0 {
		text, err := fs.ReadFile(root, path.Join("proc", strconv.Itoa(pid), "cgroup"))
		if err == nil {
			found := fromCgroup(string(text))
			found.PID = pid
			return found
		}
	}
	for _, dir := range []string{"etc/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"} {
		if _, err := fs.Stat(root, path.Join(dir, name+".service")); err == nil {
			return Found{Service: Systemd, Unit: name + ".service"}
		}
	}
	return Found{Service: Shell}
}

// server is the process of an engine's server that runs the longest, so not one
// of its runners, which have its name too; 0 = none.
func server(root fs.FS, name string) (pid int) {
	all, err := fs.ReadDir(root, "proc")
	if err != nil {
		return 0
	}
	for _, d := range all {
		n, err := strconv.Atoi(d.Name())
		if err != nil || pid > 0 && n > pid {
			continue
		}
		comm, err := fs.ReadFile(root, path.Join("proc", d.Name(), "comm"))
		if err != nil || strings.TrimSpace(string(comm)) != name {
			continue
		}
		line, err := fs.ReadFile(root, path.Join("proc", d.Name(), "cmdline"))
		if err == nil && !strings.Contains(string(line), "\x00runner\x00") {
			pid = n
		}
	}
	return pid
}
