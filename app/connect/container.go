package connect

import (
	"fmt"
	"slices"
	"strings"
)

// dockerBridge is this computer as Docker's containers on Linux know it, if Docker was
// not told otherwise.
const dockerBridge = "172.17.0.1"

const openWebUIImage = "ghcr.io/open-webui/open-webui:main"

func (p place) openWebUI() Guide {
	webUI := Contained{App: "Open WebUI", Name: "open-webui", By: "docker", Image: openWebUIImage, Volumes: []string{"open-webui:/app/backend/data"}}
	desktop, hosts, bridge := webUI, webUI, webUI
	desktop.Ports, desktop.Address = []string{"3000:8080"}, "host.docker.internal:"+p.port()
	hosts.Host, hosts.Address = true, p.hostPort()
	bridge.Ports, bridge.Address, bridge.Token = []string{"3000:8080"}, dockerBridge+":"+p.port(), true
	return Guide{App: "Open WebUI", Steps: []Step{
		{"In Admin Panel › Settings › Connections, set the Ollama API connection to this address. What is set there counts more than the variables below.", p.endpoint},
		{"In Docker Desktop (Windows, macOS), containers find this computer by a name of its own.", desktop.start()},
		{"In Docker on Linux, start it on the host's network, since Carpool listens on this machine only. It is then at http://localhost:8080.", hosts.start()},
		{"Or keep it in a network of its own: open Carpool at Docker's bridge, which only this computer and its containers reach. “carpool connect open-webui” finds the address of the one that runs; “ip -4 addr show docker0” shows it, too.",
			"carpool lan on " + bridge.Address},
		{"Start it with that address and Carpool's token, which containers need. “carpool lan off” closes it again.", bridge.start()},
	}}
}

// Contained is an app that runs in a container, and how it reaches Carpool.
type Contained struct {
	App, Name, By, Image string
	Host                 bool     // it shares this computer's network
	Composed             bool     // a compose file says what it is
	Ports, Volumes       []string // as docker run -p and -v take them
	Address              string   // Carpool's host and port in the container's network
	Token                bool     // Carpool asks for its token there
}

// InContainer are the steps for an app that was found in a container: in its own
// settings, or by starting it again where nothing is lost by that.
func InContainer(c Contained) Guide {
	steps := []Step{{fmt.Sprintf("In the settings of %s%s, set the address of Ollama to this one.", c.App, c.settings()), "http://" + c.Address}}
	if c.Token {
		steps = []Step{
			{fmt.Sprintf("In the settings of %s%s, add this as an OpenAI API.", c.App, c.settings()), "http://" + c.Address + "/v1"},
			{"Its key is what this prints: Carpool lets nobody in there without.", "carpool lan token"},
		}
	}
	switch {
	case len(c.variables()) == 0:
	case c.Composed:
		steps = append(steps, c.compose()...)
	case !c.isKept():
		steps = append(steps, Step{"Do not start the container anew for it: what it holds is in no volume, as far as Carpool can tell, and would be lost.", ""})
	default:
		steps = append(steps, Step{fmt.Sprintf("Or start it again with that address. What it holds in %s stays; add other variables that you had given it.", strings.Join(c.Volumes, ", ")),
			fmt.Sprintf("%s rm -f %s\n%s", c.By, shell(c.Name), c.start())})
	}
	return Guide{App: c.App, Steps: steps, Source: sources[c.App]}
}

// holds are where apps keep in their containers what they hold, by their own documentation.
var holds = map[string]string{"Open WebUI": "/app/backend/data", "n8n": "/home/node/.n8n"}

// isKept reports whether what the app holds is in a volume, and so outlives the container.
func (c Contained) isKept() bool {
	at := holds[c.App]
	return at != "" && slices.ContainsFunc(c.Volumes, func(v string) bool { return strings.HasSuffix(v, ":"+at) })
}

// settings is where in an app addresses are set.
func (c Contained) settings() string {
	switch c.App {
	case "Open WebUI":
		return ", Admin Panel › Settings › Connections"
	case "n8n":
		return ", under Credentials"
	}
	return ""
}

// start is the command that starts it.
func (c Contained) start() string {
	line := c.By + " run -d --name " + shell(c.Name)
	if c.Host {
		line += " --network=host"
	}
	for _, p := range c.Ports {
		line += " -p " + shell(p)
	}
	line += " --restart always"
	var rest []string
	if !c.Host {
		rest = append(rest, "--add-host=host.docker.internal:host-gateway")
	}
	for _, v := range c.Volumes {
		rest = append(rest, "-v "+shell(v))
	}
	var told []string
	for _, v := range c.variables() {
		told = append(told, "-e "+v.name+"="+v.value)
	}
	rest = append(rest, strings.Join(told, " "), shell(c.Image))
	return line + " \\\n  " + strings.Join(rest, " \\\n  ")
}

// compose are the steps where a compose file says what the container is.
func (c Contained) compose() []Step {
	text := "environment:\n"
	up := "docker compose up -d"
	for _, v := range c.variables() {
		if v.value == askToken {
			v.value, up = "${CARPOOL_TOKEN}", "CARPOOL_TOKEN="+askToken+" "+up
		}
		text += "  " + v.name + ": " + quoted(v.value) + "\n"
	}
	return []Step{
		{"Or put these into its compose file, under its service.", text},
		{"Then have it made anew where that file is; what it holds in volumes stays.", up},
	}
}

// variable is one of a container's environment, its value as a shell takes it.
type variable struct{ name, value string }

// askToken is Carpool's token in a shell: it stands in no history of commands.
const askToken = `"$(carpool lan token)"` //nolint:gosec // a command that shows it

// variables point the app at Carpool; none = it has none that do.
func (c Contained) variables() []variable {
	base := "http://" + c.Address
	switch {
	case c.App == "Open WebUI" && c.Token:
		return []variable{{"ENABLE_OLLAMA_API", "false"}, {"OPENAI_API_BASE_URL", base + "/v1"}, {"OPENAI_API_KEY", askToken}}
	case c.App == "Open WebUI":
		return []variable{{"OLLAMA_BASE_URL", base}}
	case c.App == "LobeChat" && c.Token:
		return []variable{{"ENABLED_OLLAMA", "0"}, {"OPENAI_PROXY_URL", base + "/v1"}, {"OPENAI_API_KEY", askToken}}
	case c.App == "LobeChat":
		return []variable{{"OLLAMA_PROXY_URL", base}}
	}
	return nil
}

// fromContainer is the address as Docker's containers know it: Docker Desktop's by
// themselves, those on Linux with --add-host.
func (p place) fromContainer() string { return "http://host.docker.internal:" + p.port() }
