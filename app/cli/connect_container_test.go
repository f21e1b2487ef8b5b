package cli

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"carpool/app"
)

// docker is a fake one with one container, whose network has this computer at gateway.
func docker(t *testing.T, image, gateway, mode, volumes string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "cp") // short enough for a socket
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Skip(err)
	}
	answers := map[string]string{
		"/_ping": "OK", "/containers/json": fmt.Sprintf(`[{"Id": "1", "Image": %q}]`, image),
		"/containers/1/json": fmt.Sprintf(`{"Name": "/my-webui", "Config": {"Env": ["OLLAMA_BASE_URL=http://host.docker.internal:11434", "WEBUI_SECRET_KEY=t0p-secret"]},
			"HostConfig": {"NetworkMode": %q, "PortBindings": {"8080/tcp": [{"HostPort": "3000"}]}}, "Mounts": [%s],
			"NetworkSettings": {"Networks": {"bridge": {"Gateway": %q}}}}`, mode, volumes, gateway),
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(answers[r.URL.Path]))
	}))
	server.Listener = l
	server.Start()
	t.Cleanup(func() {
		server.Close()
		_ = os.RemoveAll(dir)
	})
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(dir, "s"))
	t.Setenv("CONTAINER_HOST", "unix://"+filepath.Join(dir, "none"))
}

const webUIData = `{"Type": "volume", "Name": "webui", "Destination": "/app/backend/data"}`

func TestConnectAnAppInAContainer(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("elsewhere containers reach 127.0.0.1 by a name, and this computer has no second loopback address")
	}
	const image = "ghcr.io/open-webui/open-webui:main"
	begin := func(t *testing.T, open string) (instance, *fake) {
		i := newInstance(t)
		f := &fake{snapshot: busy()}
		f.snapshot.Config.Gateway.LAN = open
		f.snapshot.LAN = app.LAN{Address: "127.0.0.2:11435", Listening: true} // as it is once it is open
		i.serve(f)
		return i, f
	}
	asked := func(f *fake) []string {
		f.mu.Lock()
		defer f.mu.Unlock()
		return slices.Clone(f.asked)
	}
	opened := func(f *fake) bool { return slices.Contains(asked(f), "gateway.lan=127.0.0.2:11435") }
	t.Run("ShowsTheCommandsAndOpensNothingUnasked", func(t *testing.T) {
		docker(t, image, "127.0.0.2", "bridge", webUIData)
		i, f := begin(t, "")
		for _, answer := range []string{"", "n\n"} {
			i.stdin = answer
			status, out, notes := i.carpool("connect", "open-webui")
			if status != 1 || opened(f) || !strings.Contains(notes, "Open Carpool at 127.0.0.2:11435, with the token? [y/N]") {
				t.Errorf("%q: status %d, %s, asked %q", answer, status, notes, asked(f))
			}
			for _, want := range []string{
				"Open WebUI runs in a container: my-webui (docker). It was started to ask http://host.docker.internal:11434.",
				"http://127.0.0.2:11435/v1\n", "\ncarpool lan token\n", "docker rm -f my-webui\ndocker run -d --name my-webui -p 3000:8080 --restart always",
				"--add-host=host.docker.internal:host-gateway", "-v webui:/app/backend/data", `-e OPENAI_API_KEY="$(carpool lan token)"`,
			} {
				if !strings.Contains(out, want) {
					t.Errorf("%q is missing in:\n%s", want, out)
				}
			}
			if strings.Contains(out+notes, "t0p-secret") || strings.Contains(out, "OLLAMA_BASE_URL=") {
				t.Errorf("a secret is shown, or an address without a token:\n%s%s", out, notes)
			}
		}
		if status, _, notes := i.carpool("connect", "open-webui", "--dry-run"); status != 0 || opened(f) || !strings.Contains(notes, "carpool lan on 127.0.0.2:11435") {
			t.Errorf("status %d, %s, asked %q", status, notes, asked(f))
		}
	})
	t.Run("OpensItOnYes", func(t *testing.T) {
		docker(t, image, "127.0.0.2", "bridge", webUIData)
		i, f := begin(t, "")
		i.stdin = "y\n"
		status, out, notes := i.carpool("connect", "webui")
		if status != 0 || !opened(f) || !strings.Contains(out, "Open to the network") {
			t.Errorf("status %d, %s, %s, asked %q", status, out, notes, asked(f))
		}
	})
	t.Run("AsksNothingWhereItIsOpen", func(t *testing.T) {
		docker(t, image, "127.0.0.2", "bridge", webUIData)
		i, f := begin(t, "0.0.0.0:11436")
		status, out, notes := i.carpool("connect", "open-webui")
		if status != 0 || len(asked(f)) > 0 || !strings.Contains(out, "http://127.0.0.2:11436/v1") || strings.Contains(notes, "[y/N]") {
			t.Errorf("status %d, %s, %s, asked %q", status, out, notes, asked(f))
		}
	})
	t.Run("NeedsNoTokenOnTheHostsNetwork", func(t *testing.T) {
		docker(t, image, "", "host", webUIData)
		i, f := begin(t, "")
		status, out, _ := i.carpool("connect", "open-webui")
		if status != 0 || len(asked(f)) > 0 || !strings.Contains(out, "-e OLLAMA_BASE_URL=http://127.0.0.1:11435") || strings.Contains(out, "token") {
			t.Errorf("status %d, %s, asked %q", status, out, asked(f))
		}
	})
	t.Run("UsesTheNameWhereDockerIsAVirtualMachine", func(t *testing.T) {
		docker(t, image, "192.0.2.1", "bridge", webUIData)
		i, f := begin(t, "")
		if status, out, _ := i.carpool("connect", "open-webui"); status != 0 || len(asked(f)) > 0 || !strings.Contains(out, "OLLAMA_BASE_URL=http://host.docker.internal:11435") {
			t.Errorf("status %d, %s, asked %q", status, out, asked(f))
		}
	})
	t.Run("LosesNoData", func(t *testing.T) {
		docker(t, image, "127.0.0.2", "bridge", "")
		i, _ := begin(t, "")
		if _, out, _ := i.carpool("connect", "open-webui", "--dry-run"); strings.Contains(out, "docker rm") || !strings.Contains(out, "would be lost") {
			t.Error(out)
		}
	})
	t.Run("FindsAnAppWhoseSettingsAreNotHere", func(t *testing.T) {
		atHome(t)
		docker(t, "mintplexlabs/anythingllm:latest", "127.0.0.2", "bridge", "")
		i, f := begin(t, "0.0.0.0:11436")
		status, out, _ := i.carpool("connect", "anythingllm")
		if status != 0 || !strings.HasPrefix(out, "AnythingLLM runs in a container: my-webui") || !strings.Contains(out, "http://127.0.0.2:11436/v1") || len(asked(f)) > 0 {
			t.Errorf("status %d, %s", status, out)
		}
	})
	t.Run("PrintsJSON", func(t *testing.T) {
		docker(t, image, "127.0.0.2", "bridge", webUIData)
		i, f := begin(t, "")
		_, out, _ := i.carpool("connect", "open-webui", "--json")
		var got []app.ConnectGuide
		if err := json.Unmarshal([]byte(out), &got); err != nil || len(got) != 1 || got[0].Source == "" || opened(f) {
			t.Errorf("%v: %s", err, out)
		}
	})
	t.Run("SaysThatNothingRuns", func(t *testing.T) {
		docker(t, image, "127.0.0.2", "bridge", webUIData)
		i := newInstance(t)
		if status, _, notes := i.carpool("connect", "open-webui", "--yes"); status != 1 || !strings.Contains(notes, "carpool is not running: start it, then “carpool lan on 127.0.0.2:11435”") {
			t.Errorf("status %d, %s", status, notes)
		}
	})
	t.Run("ShowsAllStepsWhereNoneRuns", func(t *testing.T) {
		docker(t, "postgres:17", "127.0.0.2", "bridge", "")
		i := newInstance(t)
		if status, out, _ := i.carpool("connect", "open-webui"); status != 0 || !strings.Contains(out, "carpool lan on 172.17.0.1:11435") {
			t.Errorf("status %d, %s", status, out)
		}
	})
}
