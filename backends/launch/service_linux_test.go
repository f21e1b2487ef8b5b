package launch

import (
	"testing"
	"testing/fstest"
)

func TestDetect(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	for _, tt := range []struct {
		name string
		root fstest.MapFS
		kind Kind
		want Found
	}{
		{"TheServerNotItsRunner", fstest.MapFS{
			"proc/70/comm": file("ollama\n"), "proc/70/cmdline": file("/usr/bin/ollama\x00runner\x00--model\x00m\x00"), "proc/70/cgroup": file("0::/x\n"),
			"proc/90/comm": file("ollama\n"), "proc/90/cmdline": file("/usr/bin/ollama\x00serve\x00"), "proc/90/cgroup": file("0::/system.slice/ollama.service\n"),
			"proc/80/comm": file("bash\n"), "proc/self/comm": file("ollama\n"),
		}, Ollama, Found{Service: Systemd, Unit: "ollama.service", PID: 90}},
		{"AUnitThatDoesNotRun", fstest.MapFS{"etc/systemd/system/ollama.service": file("")}, Ollama, Found{Service: Systemd, Unit: "ollama.service"}},
		{"AProcessBeforeAUnit", fstest.MapFS{
			"etc/systemd/system/ollama.service": file(""),
			"proc/5/comm":                       file("ollama\n"), "proc/5/cmdline": file("ollama\x00serve\x00"), "proc/5/cgroup": file("0::/docker/0a\n"),
		}, Ollama, Found{Service: Docker, PID: 5}},
		{"LlamaServer", fstest.MapFS{
			"proc/5/comm": file("llama-server\n"), "proc/5/cmdline": file("llama-server\x00"), "proc/5/cgroup": file("0::/user.slice/session-1.scope\n"),
		}, LlamaCPP, Found{Service: Shell, PID: 5}},
		{"Nothing", fstest.MapFS{}, Ollama, Found{Service: Shell}},
		{"LMStudioIsItsOwnService", fstest.MapFS{}, LMStudio, Found{Service: Shell}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := detect(tt.kind, tt.root); got != tt.want {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}
