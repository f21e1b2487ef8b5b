package doctor

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// sound is a machine on which nothing is amiss.
func sound() Facts {
	return Facts{
		System:   "linux",
		Now:      time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC),
		Running:  &Running{PID: 42, Version: "1.2.3", Endpoint: "http://127.0.0.1:11435"},
		Settings: Settings{File: "/c/carpool.toml", Connections: 16384},
		Port:     Port{Address: "127.0.0.1:11435", Ours: true},
		Engines: []Engine{{Name: "ollama", Label: "Ollama", Version: "0.17.4", URL: "http://127.0.0.1:11434", Up: true, Models: 2,
			Slots: 4, Wanted: 4, Says: "Ollama runs 4 at once"}},
		GPUs:    []GPU{{Name: "RTX 4090", Driver: "570.1", Available: true}},
		State:   Folder{Path: "/s", Mode: 0o700},
		Config:  Folder{Path: "/c", Mode: 0o755},
		Socket:  File{Path: "/s/carpool.sock", Mode: 0o600},
		Display: Display{Name: "DISPLAY :0"},
		Bus:     Bus{Tray: true},
		Disk:    Disk{Free: 9 << 30, Total: 10 << 30},
		LAN:     LAN{Token: File{Missing: true}},
		Files:   1 << 20,
	}
}

func TestASoundMachineIsAllClear(t *testing.T) {
	for _, f := range Judge(sound()) {
		if f.Level != OK || f.Do != "" || f.Run != "" {
			t.Errorf("%+v", f)
		}
	}
}

func TestJudge(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Facts)
		check  string
		level  Level
		says   string
		run    string // a part of it; "" = there are no commands
	}{
		{"NotRunning", func(f *Facts) { f.Running = nil }, "Carpool", Note, "does not run", "carpool"},
		{"HungCarpool", func(f *Facts) { f.Running, f.Silent = nil, "timeout" }, "Carpool", Problem, "does not answer: timeout", "carpool quit"},
		{"ItsOwnProblems", func(f *Facts) { f.Running.Problems = []string{"history paused"} }, "Carpool", Note, "says: history paused", ""},
		{"TwoCarpools", func(f *Facts) { f.Others = []Other{{7, "127.0.0.1:11445"}} }, "other Carpools", Note, "127.0.0.1:11445 (PID 7)", "kill 7"},
		{"TwoCarpoolsOnWindows", func(f *Facts) { f.System, f.Others = "windows", []Other{{7, "127.0.0.1:11445"}} }, "other Carpools", Note, "(PID 7)", "taskkill /PID 7"},
		{"BadSettings", func(f *Facts) { f.Settings.Problem = "line 3: no number" }, "settings", Problem, "line 3", "mv /c/carpool.toml /c/carpool.toml.old"},
		{"OddSettings", func(f *Facts) { f.Settings.Warnings = []string{"unknown key"} }, "settings", Note, "unknown key", "carpool config"},
		{"PortTaken", func(f *Facts) {
			f.Running, f.Port = nil, Port{Address: "127.0.0.1:11435", Owner: "Ollama 0.17.4", Program: "ollama (PID 7)"}
		}, "port", Problem, "taken by Ollama 0.17.4, ollama (PID 7)", "gateway.listen=127.0.0.1:11445"},
		{"PortTakenButCarpoolIsElsewhere", func(f *Facts) {
			f.Port = Port{Address: "127.0.0.1:11434", Owner: "Ollama"}
		}, "port", Note, "listens elsewhere", "gateway.listen=127.0.0.1:11435"},
		{"PortRefused", func(f *Facts) { f.Running, f.Port = nil, Port{Address: "127.0.0.1:80", Problem: "permission denied"} }, "port", Problem, "permission denied", "carpool set"},
		{"NoEngine", func(f *Facts) { f.Engines = nil }, "engines", Problem, "No engine", "carpool engine"},
		{"TheDemoIsNoEngine", func(f *Facts) { f.Engines = []Engine{{Label: "Demo", Demo: true, Up: true}} }, "engines", Problem, "No engine", "carpool engine"},
		{"EngineDown", func(f *Facts) { f.Engines[0].Up, f.Engines[0].Problem = false, "it does not answer" }, "engine Ollama", Problem, "It does not answer.", "carpool engine"},
		{"EngineWithoutModels", func(f *Facts) { f.Engines[0].Models = 0 }, "engine Ollama", Note, "0 models", ""},
		{"TooFewSlots", func(f *Facts) { f.Engines[0].Slots, f.Engines[0].Steps = 1, "ollama serve" }, "slots of Ollama", Note, "Ollama runs", "ollama serve"},
		{"SlotsNotKnown", func(f *Facts) { f.Engines[0].Slots = 0 }, "slots of Ollama", Note, "Ollama runs", ""},
		{"AppsPastCarpool", func(f *Facts) { f.Bypass = []Program{{"python3", 9, "Ollama"}} }, "apps past Carpool", Note, "python3 (PID 9) to Ollama", "carpool takeover"},
		{"ConnectionsHidden", func(f *Facts) { f.NoBypass = "denied" }, "apps past Carpool", Note, "denied", ""},
		{"NoGPU", func(f *Facts) { f.GPUs = []GPU{{Reason: "no driver"}} }, "GPU", Note, "no driver", ""},
		{"SilentNVIDIA", func(f *Facts) { f.GPUs = []GPU{{Reason: "no driver", Card: "NVIDIA"}} }, "GPU", Problem, "has an NVIDIA GPU", "nvidia-smi"},
		{"NoDriver", func(f *Facts) { f.GPUs = []GPU{{Card: "NVIDIA", Blocked: Blocked{Undriven: true}}} }, "GPU", Problem, "driver is not loaded", "nvidia-smi"},
		{"NoLibrary", func(f *Facts) { f.GPUs = []GPU{{Card: "NVIDIA", Blocked: Blocked{Lacking: "libnvidia-ml.so.1"}}} }, "GPU", Problem, "libnvidia-ml.so.1 is not installed", "/proc/driver"},
		{"DeviceOfAGroup", func(f *Facts) {
			f.GPUs = []GPU{{Card: "NVIDIA", Blocked: Blocked{Device: "/dev/nvidiactl", Group: "video"}}}
		}, "GPU", Problem, "group video may open /dev/nvidiactl", `usermod -aG video "$USER"`},
		{"DeviceOfRoot", func(f *Facts) { f.GPUs = []GPU{{Card: "NVIDIA", Blocked: Blocked{Device: "/dev/nvidia0"}}} }, "GPU", Problem, "closed to you", "chmod a+rw /dev/nvidia0"},
		{"OneOfTwoGPUs", func(f *Facts) { f.GPUs = append(f.GPUs, GPU{Reason: "asleep", Card: "NVIDIA"}) }, "GPU", OK, "RTX 4090", ""},
		{"StateReadOnly", func(f *Facts) { f.State = Folder{Path: "/my state", Problem: "permission denied"} }, "state folder", Problem, "permission denied", "'/my state'"},
		{"StateOpenToOthers", func(f *Facts) { f.State.Mode = 0o750 }, "state folder", Problem, "mode 0750", "chmod 700 /s"},
		{"SettingsFolderMayBeSeen", func(f *Facts) { f.Config.Mode = 0o755 }, "settings folder", OK, "can be written", ""},
		{"SocketOpenToOthers", func(f *Facts) { f.Socket.Mode = 0o666 }, "control socket", Problem, "mode 0666", "chmod 600"},
		{"NoDisplayNamed", func(f *Facts) { f.Display = Display{Unset: true} }, "display", Note, "No display", "carpool serve"},
		{"NoTrayNeededThere", func(f *Facts) { f.Display, f.Bus = Display{Unset: true}, Bus{Unset: true} }, "tray", OK, "no tray", ""},
		{"DeadDisplay", func(f *Facts) { f.Display = Display{Problem: "refused"} }, "display", Problem, "refused", "carpool serve"},
		{"NoBus", func(f *Facts) { f.Bus = Bus{Unset: true} }, "tray", Note, "No session bus", ""},
		{"DeadBus", func(f *Facts) { f.Bus = Bus{Problem: "refused"} }, "tray", Problem, "refused", ""},
		{"NobodyShowsTrays", func(f *Facts) { f.Bus = Bus{} }, "tray", Note, "Nobody shows", ""},
		{"ClockInThePast", func(f *Facts) { f.Now = time.Unix(0, 0) }, "clock", Problem, "1970", "timedatectl"},
		{"ClockSetBack", func(f *Facts) { f.History.Newest = f.Now.Add(time.Hour) }, "clock", Problem, "later than now", "timedatectl"},
		{"ClockMoved", func(f *Facts) { f.Running.Drift = -2 * time.Hour }, "clock", Note, "set back by 2h0m0s", ""},
		{"ClockNudged", func(f *Facts) { f.Running.Drift = 20 * time.Second }, "clock", OK, "right", ""},
		{"DiskFull", func(f *Facts) { f.Disk.Free = 99 << 20 }, "disk", Problem, "99.0 MiB", "history.max_mib"},
		{"DiskNearlyFull", func(f *Facts) { f.Disk.Free = 500 << 20 }, "disk", Note, "500.0 MiB", "history.max_mib"},
		{"WhatTheHistoryTakes", func(f *Facts) { f.History.Bytes = 85 << 20 }, "disk", OK, "which takes 85.0 MiB", ""},
		{"NoInodes", func(f *Facts) { f.Disk.Full = true }, "disk", Problem, "inodes", "df -i"},
		{"DiskNotSeen", func(f *Facts) { f.Disk = Disk{} }, "disk", Note, "cannot be seen", ""},
		{"HistoryDamaged", func(f *Facts) { f.History.Problem = "torn" }, "history", Problem, "torn", "carpool quit"},
		{"HistoryLostRows", func(f *Facts) { f.History.Dropped = 3 }, "history", Note, "3 rows", ""},
		{"HistoryMovedAside", func(f *Facts) { f.History.Aside = []string{"history.db.corrupt-1"} }, "history", Note, "corrupt-1", ""},
		{"HistoryOff", func(f *Facts) { f.History.Off = true }, "history", OK, "off", ""},
		{"NoToken", func(f *Facts) { f.LAN.Address = "0.0.0.0:11436" }, "network", Problem, "no token", "carpool lan token"},
		{"TokenOpenToOthers", func(f *Facts) {
			f.LAN = LAN{Address: "0.0.0.0:11436", Listening: true, Token: File{Path: "/s/t", Mode: 0o644}}
		}, "network", Problem, "mode 0644", "rotate"},
		{"NetworkNotListening", func(f *Facts) { f.LAN = LAN{Address: "0.0.0.0:11436", Token: File{Mode: 0o600}} }, "network", Problem, "cannot reach", ""},
		{"NetworkOpen", func(f *Facts) { f.LAN = LAN{Address: "0.0.0.0:11436", Listening: true, Token: File{Mode: 0o600}} }, "network", OK, "with the token", ""},
		{"ContainerWithoutAWay", func(f *Facts) {
			f.Containers = []Container{{Name: "webui", App: "Open WebUI", By: "docker", Reach: "172.17.0.1:11435", Token: true, Open: "172.17.0.1:11435"}}
		}, "container webui", Note, "does not point at Carpool.", "carpool lan on 172.17.0.1:11435"},
		{"ContainerAtTheEngine", func(f *Facts) {
			f.Containers = []Container{{Name: "webui", App: "Open WebUI", By: "docker", Host: true, Points: []string{"http://127.0.0.1:11434"}, Reach: "127.0.0.1:11435"}}
		}, "container webui", Note, "but at http://127.0.0.1:11434", ""},
		{"ContainerOnTheHostsNetwork", func(f *Facts) {
			f.Containers = []Container{{Name: "webui", App: "Open WebUI", Host: true, Points: []string{"http://127.0.0.1:11435/v1"}, Reach: "127.0.0.1:11435"}}
		}, "container webui", OK, "points at Carpool", ""},
		{"ContainerByTheBridge", func(f *Facts) {
			f.LAN = LAN{Address: "0.0.0.0:11436", Listening: true, Token: File{Mode: 0o600}}
			f.Containers = []Container{{Name: "webui", App: "Open WebUI", By: "docker", Points: []string{"http://172.18.0.1:11436"}, Reach: "172.18.0.1:11436", Token: true}}
		}, "container webui", OK, "172.18.0.1:11436", ""},
		{"ContainerAtAClosedDoor", func(f *Facts) {
			f.Containers = []Container{{Name: "webui", App: "Open WebUI", By: "docker", Points: []string{"http://172.17.0.1:11435/v1"}, Reach: "172.17.0.1:11435", Token: true, Open: "172.17.0.1:11435"}}
		}, "container webui", Problem, "cannot reach it: Carpool does not listen there", "carpool lan on 172.17.0.1:11435\ncarpool lan token"},
		{"ContainerWhileTheNetworkIsLost", func(f *Facts) {
			f.LAN = LAN{Address: "172.17.0.1:11435", Problem: "taken", Token: File{Mode: 0o600}}
			f.Containers = []Container{{Name: "webui", App: "Open WebUI", By: "docker", Points: []string{"http://172.17.0.1:11435/v1"}, Reach: "172.17.0.1:11435", Token: true}}
		}, "container webui", Problem, "cannot reach it", ""},
		{"ContainerWithANameThatItDoesNotKnow", func(f *Facts) {
			f.LAN = LAN{Address: "172.17.0.1:11435", Listening: true, Token: File{Mode: 0o600}}
			f.Containers = []Container{{Name: "webui", App: "Open WebUI", By: "docker", Points: []string{"http://host.docker.internal:11435/v1"}, Reach: "172.17.0.1:11435", Token: true}}
		}, "container webui", Problem, "was not told what that name is", ""},
		{"ContainerWithAName", func(f *Facts) {
			f.LAN = LAN{Address: "172.17.0.1:11435", Listening: true, Token: File{Mode: 0o600}}
			f.Containers = []Container{{Name: "webui", App: "Open WebUI", By: "docker", Named: true, Points: []string{"http://host.docker.internal:11435/v1"}, Reach: "172.17.0.1:11435", Token: true}}
		}, "container webui", OK, "points at Carpool", ""},
		{"ContainerThatNeedsTheToken", func(f *Facts) {
			f.LAN = LAN{Address: "172.17.0.1:11435", Listening: true, Token: File{Mode: 0o600}}
			f.Containers = []Container{{Name: "webui", App: "Open WebUI", By: "docker", Reach: "172.17.0.1:11435", Token: true}}
		}, "container webui", Note, "does not point at Carpool", "carpool lan token"},
		{"ContainerOfDockerDesktop", func(f *Facts) {
			f.System = "darwin"
			f.Containers = []Container{{Name: "webui", App: "Open WebUI", By: "docker", Points: []string{"http://host.docker.internal:11435"}, Reach: "host.docker.internal:11435"}}
		}, "container webui", OK, "points at Carpool", ""},
		{"FewFiles", func(f *Facts) { f.Files = 4096 }, "open files", Note, "4096 files", "ulimit -n 17408"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := sound()
			tt.change(&f)
			all := Judge(f)
			i := slices.IndexFunc(all, func(g Finding) bool { return g.Check == tt.check })
			if i < 0 {
				t.Fatalf("no finding about %s", tt.check)
			}
			g := all[i]
			if g.Level != tt.level || !strings.Contains(g.Says, tt.says) {
				t.Errorf("got %s: %s", g.Level, g.Says)
			}
			if (tt.run == "") != (g.Run == "") || !strings.Contains(g.Run, tt.run) {
				t.Errorf("run %q", g.Run)
			}
			if g.Level == Problem && Problems(all) == 0 {
				t.Error("a problem does not count as one")
			}
			if g.Level == Problem && g.Do == "" {
				t.Error("a problem without a word of what to do")
			}
		})
	}
}
