package launch

import "testing"

func TestServiceByCgroup(t *testing.T) {
	for _, tt := range []struct {
		text string
		want Found
	}{
		{"0::/system.slice/ollama.service\n", Found{Service: Systemd, Unit: "ollama.service"}},
		{"12:pids:/system.slice/ollama.service\n1:name=systemd:/system.slice/ollama.service\n", Found{Service: Systemd, Unit: "ollama.service"}},
		{"0::/user.slice/user-1000.slice/user@1000.service/app.slice/ollama.service\n", Found{Service: SystemdUser, Unit: "ollama.service"}},
		{"0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-org.gnome.Terminal.slice/vte-spawn-1.scope\n", Found{Service: Shell}},
		{"0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome-carpool@1.service\n", Found{Service: Shell}},
		{"0::/user.slice/user-1000.slice/session-2.scope\n", Found{Service: Shell}},
		{"0::/system.slice/docker-0123abcd.scope\n", Found{Service: Docker}},
		{"11:memory:/docker/0123abcd\n", Found{Service: Docker}},
		{"0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-0123.scope/container\n", Found{Service: Podman}},
		{"0::/\n", Found{Service: Shell}},
		{"", Found{Service: Shell}},
	} {
		if got := fromCgroup(tt.text); got != tt.want {
			t.Errorf("%q: %+v, want %+v", tt.text, got, tt.want)
		}
	}
}
