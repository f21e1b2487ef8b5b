package containers

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// webUI is what Docker says of Open WebUI: a part of what Docker's Engine API describes
// (moby/moby, api/swagger.yaml, ContainerInspectResponse), with what must not be shown.
const webUI = `{"Id": "8dfafdbc3a40", "Name": "/open-webui",
  "Config": {"Image": "ghcr.io/open-webui/open-webui:main", "Env": [
    "OPENAI_API_KEY=sk-secret", "OPENAI_API_BASE_URLS=http://b:2/v1;https://api.openai.com/v1", "OPENAI_API_KEYS=sk-other",
    "OLLAMA_BASE_URL=http://host.docker.internal:11434", "WEBUI_SECRET_KEY=t0p-secret", "DATABASE_URL=postgres://me:t0p-secret@db/webui"]},
  "HostConfig": {"NetworkMode": "bridge", "ExtraHosts": ["host.docker.internal:host-gateway"],
    "PortBindings": {"8080/tcp": [{"HostIp": "", "HostPort": "3000"}, {"HostIp": "127.0.0.1", "HostPort": "3001"}]}},
  "Mounts": [{"Type": "volume", "Name": "open-webui", "Source": "/var/lib/docker/volumes/open-webui/_data", "Destination": "/app/backend/data"},
    {"Type": "bind", "Source": "/home/me/docs", "Destination": "/docs", "RW": false}],
  "NetworkSettings": {"Gateway": "", "Networks": {"bridge": {"Gateway": "172.17.0.1"}}}}`

// docker is a fake one at a socket, that answers what it is given and nothing else.
func docker(t *testing.T, variable string, answers map[string]string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "cp") // short enough for a socket
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	if err != nil {
		t.Skip(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, ok := answers[r.URL.Path]
		if r.Method != http.MethodGet || !ok {
			t.Errorf("asked for %s %s", r.Method, r.URL)
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Api-Version", "1.47")
		_, _ = w.Write([]byte(text))
	}))
	server.Listener = l
	server.Start()
	t.Cleanup(func() {
		server.Close()
		_ = os.RemoveAll(dir)
	})
	t.Setenv(variable, "unix://"+filepath.Join(dir, "s"))
}

// nowhere has the other one of Docker and Podman be nowhere.
func nowhere(t *testing.T, variable string) {
	t.Helper()
	t.Setenv(variable, "unix://"+filepath.Join(t.TempDir(), "s"))
}

func TestList(t *testing.T) {
	t.Run("TakesAddressesAndNoSecrets", func(t *testing.T) {
		nowhere(t, "CONTAINER_HOST")
		docker(t, "DOCKER_HOST", map[string]string{
			"/_ping":                              "OK",
			"/v1.47/containers/json":              `[{"Id": "8dfafdbc3a40", "Names": ["/open-webui"], "Image": "ghcr.io/open-webui/open-webui:main"}, {"Id": "2", "Image": "postgres:17"}]`,
			"/v1.47/containers/8dfafdbc3a40/json": webUI,
		})
		all, err := List(t.Context())
		want := []Container{{Name: "open-webui", App: "Open WebUI", Image: "ghcr.io/open-webui/open-webui:main", By: "docker", Named: true, Gateway: "172.17.0.1",
			Points: []string{"http://b:2/v1", "https://api.openai.com/v1", "http://host.docker.internal:11434"},
			Ports:  []string{"3000:8080", "127.0.0.1:3001:8080"}, Volumes: []string{"open-webui:/app/backend/data", "/home/me/docs:/docs:ro"}}}
		if err != nil || !reflect.DeepEqual(all, want) {
			t.Errorf("got %+v, %v", all, err)
		}
	})
	t.Run("AsksPodmanToo", func(t *testing.T) {
		nowhere(t, "DOCKER_HOST")
		docker(t, "CONTAINER_HOST", map[string]string{
			"/_ping": "OK", "/v1.47/containers/json": `[{"Id": "1", "Image": "docker.io/n8nio/n8n:latest"}]`,
			"/v1.47/containers/1/json": `{"Name": "n8n", "Config": {"Labels": {"com.docker.compose.project": "home"}}, "HostConfig": {"NetworkMode": "host"}}`,
		})
		all, err := List(t.Context())
		if err != nil || len(all) != 1 || all[0].By != "podman" || all[0].App != "n8n" || !all[0].Host || !all[0].Composed || all[0].Gateway != "" {
			t.Errorf("got %+v, %v", all, err)
		}
	})
	t.Run("IsEmptyWithoutEither", func(t *testing.T) {
		nowhere(t, "DOCKER_HOST")
		nowhere(t, "CONTAINER_HOST")
		if all, err := List(t.Context()); err != nil || len(all) != 0 {
			t.Errorf("got %+v, %v", all, err)
		}
	})
	t.Run("SaysWhatIsNoAnswer", func(t *testing.T) {
		nowhere(t, "CONTAINER_HOST")
		docker(t, "DOCKER_HOST", map[string]string{"/_ping": "OK", "/v1.47/containers/json": "<html>"})
		if all, err := List(t.Context()); err == nil || !strings.Contains(err.Error(), "docker does not answer") {
			t.Errorf("got %+v, %v", all, err)
		}
	})
	t.Run("SaysThatItMayNotAsk", func(t *testing.T) {
		if os.Geteuid() == 0 {
			t.Skip("root may ask everybody")
		}
		nowhere(t, "CONTAINER_HOST")
		docker(t, "DOCKER_HOST", nil)
		if err := os.Chmod(strings.TrimPrefix(os.Getenv("DOCKER_HOST"), "unix://"), 0); err != nil {
			t.Fatal(err)
		}
		if _, err := List(t.Context()); err == nil || !strings.Contains(err.Error(), "you may not ask docker") {
			t.Errorf("got %v", err)
		}
	})
}

// A program in the place of Docker's says the same as its socket.
func TestProgram(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a script is no program there")
	}
	dir := t.TempDir()
	script := "#!/bin/sh\ncase $1 in ps) printf '8dfafdbc3a40\\tghcr.io/open-webui/open-webui:main\\n';; inspect) cat <<'END'\n" + webUI + "\nEND\n;; esac\n"
	if err := os.WriteFile(filepath.Join(dir, "docker"), []byte(script), 0o700); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+string(os.PathListSeparator)+os.Getenv("PATH"))
	all, err := from(t.Context(), program("docker"), "docker")
	if err != nil || len(all) != 1 || all[0].Name != "open-webui" || all[0].Gateway != "172.17.0.1" {
		t.Errorf("got %+v, %v", all, err)
	}
	if _, err := program("no-such-program").images(t.Context()); !os.IsNotExist(err) {
		t.Errorf("without it: %v", err)
	}
}

func TestWay(t *testing.T) {
	for _, tt := range []struct {
		name      string
		container Container
		system    string
		lan       string
		want      Way
	}{
		{"OnTheHostsNetwork", Container{Host: true}, "linux", "", Way{Address: "127.0.0.1:11435"}},
		{"ByTheBridge", Container{Gateway: "172.17.0.1"}, "linux", "", Way{Address: "172.17.0.1:11435", Token: true, Open: "172.17.0.1:11435"}},
		{"ByANetworkOfItsOwn", Container{Gateway: "172.17.0.1", Named: true}, "linux", "", Way{Address: "172.17.0.1:11435", Token: true, Open: "172.17.0.1:11435"}},
		{"WhereItIsOpenAlready", Container{Gateway: "172.17.0.1"}, "linux", "0.0.0.0:11436", Way{Address: "172.17.0.1:11436", Token: true}},
		{"WhereAnotherAddressIsOpen", Container{Gateway: "172.17.0.1"}, "linux", "192.168.1.5:11436", Way{Address: "192.168.1.5:11436", Token: true}},
		{"InAVirtualMachine", Container{Gateway: "172.99.0.1", By: "docker"}, "linux", "", Way{Address: "host.docker.internal:11435"}},
		{"OnDockerDesktop", Container{Gateway: "172.17.0.1", By: "docker"}, "darwin", "", Way{Address: "host.docker.internal:11435"}},
		{"OnPodmansMachine", Container{Gateway: "10.88.0.1", By: "podman"}, "darwin", "", Way{Address: "host.docker.internal:11435"}},
		{"OnPodmanWithoutRoot", Container{By: "podman"}, "linux", "", Way{Address: "host.containers.internal:11436", Token: true, Open: "0.0.0.0:11436"}},
	} {
		ours := func(ip string) bool { return ip == "172.17.0.1" }
		if got := tt.container.Way(Carpool{System: tt.system, Listen: "127.0.0.1:11435", LAN: tt.lan, Ours: ours}); got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

func TestOurs(t *testing.T) {
	if !Ours("127.0.0.1") || Ours("192.0.2.1") {
		t.Error("this computer's addresses are mistaken")
	}
}

func TestAddressesAreShownWithoutWhatIsSecret(t *testing.T) {
	for in, want := range map[string]string{
		"https://me:s3cret@llm.example/v1?key=sk-1#x": "https://llm.example/v1",
		"http://host.docker.internal:11434":           "http://host.docker.internal:11434",
		"http://me:s3cret@a b/\x7f":                   "http://",
	} {
		if got := plain(in); got != want {
			t.Errorf("%q is shown as %q", in, got)
		}
	}
}
