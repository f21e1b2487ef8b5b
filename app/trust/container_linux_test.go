package trust

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"carpool/backends/backendstest"
)

// Docker's usual bridge, and the first container in its network.
const (
	bridgeAddress    = "172.17.0.1"
	containerAddress = "172.17.0.2"
)

// askURL and askKey have TestAsk ask an address, with a key, from where it is started.
const askURL, askKey = "CARPOOL_TRUST_ASK_URL", "CARPOOL_TRUST_ASK_KEY"

// TestAsk is a program in a container: it asks once, and says what came of it.
func TestAsk(t *testing.T) {
	url := os.Getenv(askURL)
	if url == "" {
		t.Skip("only as another program")
	}
	var headers []string
	if key := os.Getenv(askKey); key != "" {
		headers = []string{"Authorization", "Bearer " + key}
	}
	status, text, err := send("POST", url+"/v1/chat/completions", `{"model":"tiny","messages":[{"role":"user","content":"nonce:container"}]}`, headers...)
	fmt.Printf("status %d, %v, %d bytes\n", status, err, len(text))
}

// container is a network of its own behind a bridge, as Docker makes one.
type container struct{ pid string }

func newContainer(t *testing.T) container {
	t.Helper()
	if out, err := exec.Command("ip", "link", "add", "docker0", "type", "bridge").CombinedOutput(); err != nil {
		t.Skipf("this system makes no bridges: %v, %s", err, out)
	}
	holder := exec.Command("unshare", "-n", "sh", "-c", "echo ready; exec cat")
	in, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = holder.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("%q, %v", line, err)
	}
	c := container{fmt.Sprint(holder.Process.Pid)}
	for _, args := range []string{
		"ip addr add " + bridgeAddress + "/16 dev docker0", "ip link set docker0 up",
		"ip link add veth0 type veth peer name eth0 netns " + c.pid, "ip link set veth0 master docker0 up",
	} {
		c.must(t, strings.Fields(args)...)
	}
	for _, args := range []string{"link set lo up", "addr add " + containerAddress + "/16 dev eth0", "link set eth0 up"} {
		c.must(t, append([]string{"nsenter", "-t", c.pid, "-n", "ip"}, strings.Fields(args)...)...)
	}
	return c
}

func (c container) must(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v, %s", strings.Join(args, " "), err, out)
	}
}

// ask asks from inside, and returns what came of it.
func (c container) ask(t *testing.T, url, key string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("nsenter", "-t", c.pid, "-n", self, "-test.run", "^TestAsk$", "-test.v")
	cmd.Env = append(os.Environ(), askURL+"="+url, askKey+"="+key)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v, %s", err, out)
	}
	return string(out)
}

// dockerSocket is a Docker that has Open WebUI in its bridge's network.
func dockerSocket(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "docker.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	answers := map[string]string{
		"/_ping": "OK", "/containers/json": `[{"Id": "1", "Image": "ghcr.io/open-webui/open-webui:main"}]`,
		"/containers/1/json": `{"Name": "/open-webui", "HostConfig": {"NetworkMode": "bridge"}, "NetworkSettings": {"Networks": {"bridge": {"Gateway": "` + bridgeAddress + `"}}}}`,
	}
	server := http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, answers[r.URL.Path]) })} //nolint:gosec // it is asked by a test alone
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return path
}

// What "carpool connect open-webui" opens is reached from a container's network, with the
// token alone; nothing is before, nothing afterwards.
func Test03_AContainerByItsBridge(t *testing.T) {
	if !inNetwork(t) {
		return
	}
	inside := newContainer(t)
	engine := backendstest.New(t)
	c := begin(t, engine)
	c.vars = append(c.vars, "DOCKER_HOST=unix://"+dockerSocket(t, c.home), "CONTAINER_HOST=unix:///nowhere")
	_, port, err := net.SplitHostPort(c.addr)
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + net.JoinHostPort(bridgeAddress, port)

	if got := inside.ask(t, url, "any"); !strings.Contains(got, "connection refused") {
		t.Errorf("before it is open: %s", got)
	}
	if out := c.do("connect", "open-webui", "--dry-run"); !strings.Contains(out, url+"/v1") || !strings.Contains(out, "nothing was changed") {
		t.Errorf("carpool connect: %s", out)
	}
	if got := inside.ask(t, url, "any"); !strings.Contains(got, "connection refused") {
		t.Errorf("after it was shown: %s", got)
	}
	if out := c.do("connect", "open-webui", "--yes"); !strings.Contains(out, "Open to the network") {
		t.Errorf("carpool connect: %s", out)
	}
	token := strings.TrimSpace(c.do("lan", "token"))
	for key, want := range map[string]string{"": "status 401", "wrong": "status 401", token: "status 200"} {
		if got := inside.ask(t, url, key); !strings.Contains(got, want) {
			t.Errorf("with the key %q: %s, want %s", key, got, want)
		}
	}
	if got := inside.ask(t, "http://"+c.addr, token); !strings.Contains(got, "connection refused") {
		t.Errorf("a container's own 127.0.0.1: %s", got)
	}
	c.do("lan", "off")
	if got := inside.ask(t, url, token); !strings.Contains(got, "connection refused") {
		t.Errorf("after it was closed: %s", got)
	}
}
