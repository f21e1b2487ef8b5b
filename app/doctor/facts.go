package doctor

import "time"

// Facts are what the checks go by. The zero value of a field means that it was
// not found out, unless it says otherwise.
type Facts struct {
	System string // as runtime.GOOS: "linux", "darwin", "windows"
	Now    time.Time

	Running    *Running // nil = no Carpool runs with this state folder
	Silent     string   // why the one that runs does not answer; "" = it does, or none runs
	Others     []Other  // Carpools with another state folder
	Settings   Settings
	Port       Port
	Engines    []Engine
	Bypass     []Program // that have connections to an engine which are not Carpool's
	NoBypass   string    // why connections cannot be seen; "" = they can
	GPUs       []GPU
	State      Folder
	Config     Folder
	Socket     File // the control socket, where Carpool runs
	Display    Display
	Bus        Bus
	Disk       Disk
	History    History
	LAN        LAN
	Containers []Container
	Docker     string // why containers cannot be seen; "" = they can, or there is no Docker here
	Files      uint64 // files that a process may open; 0 = no bound, or not known
}

// Running is the Carpool that runs.
type Running struct {
	PID      int
	Version  string
	Endpoint string        // "http://127.0.0.1:11435"
	Problems []string      // its own, worst first
	Drift    time.Duration // how far the clock was moved since it started; later = positive
}

// Other is a Carpool that runs beside this one.
type Other struct {
	PID     int
	Address string // where it listens, "127.0.0.1:11445"
}

// Settings is what reading the settings file told.
type Settings struct {
	File        string
	Missing     bool   // the defaults hold
	Problem     string // why it cannot be used
	Warnings    []string
	Connections int // gateway.max_connections
}

// Port is the one that gateway.listen names.
type Port struct {
	Address string // "127.0.0.1:11435"
	Ours    bool   // the Carpool that runs has it
	Owner   string // who else has it, for people; "" = it is free
	Program string // the program that has it, "python3 (PID 7)"; "" = cannot be seen
	Problem string // why it cannot be had though nobody has it
}

// Engine is one that answers, or that the settings name.
type Engine struct {
	Name, Label, Version, URL string
	Up                        bool
	Demo                      bool   // simulated
	Models                    int    // that it has
	Problem                   string // why not Up
	Slots                     int    // requests that it runs at once; 0 = not known
	Says                      string // about its slots, a sentence
	Wanted                    int    // slots that the machine seems to carry
	Steps                     string // commands that give it Wanted; "" = none are known
}

// Program talks to an engine past Carpool.
type Program struct {
	Name   string // "python3"
	PID    int
	Engine string // label
}

// GPU is one, or the reason why none can be read.
type GPU struct {
	Name, Driver string
	Available    bool
	Reason       string // why not
	Card         string // that the machine has though no driver tells of it: "NVIDIA"; "" = none
	Blocked      Blocked
}

// Blocked is what keeps programs from the driver of an NVIDIA GPU.
type Blocked struct {
	Undriven bool   // the system has not loaded NVIDIA's driver
	Lacking  string // the driver's library that is not installed: "libnvidia-ml.so.1"; "" = it is
	Device   string // that this user may not open: "/dev/nvidiactl"; "" = none
	Group    string // whose members may; "" = nobody but root
}

// Folder is one that Carpool writes.
type Folder struct {
	Path    string
	Missing bool
	Problem string // why nothing can be written in it
	Mode    uint32 // permission bits; 0 = they mean nothing here
}

// File is one that must be its user's alone.
type File struct {
	Path    string
	Missing bool
	Mode    uint32 // permission bits; 0 = they mean nothing here
}

// Display is where a window would be shown.
type Display struct {
	Needless bool   // the system always has one
	Unset    bool   // no variable names one: a server, or a terminal from elsewhere
	Problem  string // why it cannot be reached
	Name     string // "WAYLAND_DISPLAY wayland-0"
}

// Bus is the session's, over which trays and notifications go.
type Bus struct {
	Needless bool // trays of this system do without
	Unset    bool
	Problem  string // why it cannot be reached
	Tray     bool   // somebody shows tray icons
}

// Disk is where the state folder is.
type Disk struct {
	Free  uint64 // bytes that a user may write
	Total uint64 // bytes; 0 = not known
	Full  bool   // no more files can be made
}

// History is the file of requests and batches.
type History struct {
	Off     bool
	Missing bool // no row was ever written
	Problem string
	Unsure  string   // why it could not be looked at whole
	Aside   []string // damaged files that were moved aside, names
	Dropped uint64   // rows lost since the start
	Bytes   uint64   // that it takes of the disk
	Newest  time.Time
}

// LAN is the address for other computers and containers.
type LAN struct {
	Address   string // gateway.lan; "" = closed
	Listening bool   // it is open now
	Problem   string
	Token     File
}

// Container is one that runs an app Carpool knows.
type Container struct {
	Name, App string
	By        string   // "docker", "podman"
	Host      bool     // it shares the machine's network
	Named     bool     // it was told that host.docker.internal is this machine
	Points    []string // addresses of engines in its environment
	Reach     string   // host and port by which it can reach Carpool
	Token     bool     // with the token
	Open      string   // what gateway.lan has to become first; "" = nothing has to
}
