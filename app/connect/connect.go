// Package connect has ready-to-copy settings of the usual apps, for the address of
// this Carpool. It is pure: an address and a model in, steps out.
//
// The settings are those that the apps' own documentation names in 2026. Where an
// app can send a header of its own, the snippet gives it a name (X-Carpool-App), by
// which Carpool tells apart what runs in one process.
package connect

import (
	"encoding/json"
	"net/url"
	"strings"
)

// Guide is how one app is pointed at Carpool.
type Guide struct {
	App    string `json:"app"`
	Steps  []Step `json:"steps"`
	Source string `json:"source,omitempty"` // where the steps are from, an address
}

// Step is something to do, and what to paste there.
type Step struct {
	Do   string `json:"do"`
	Copy string `json:"copy"` // "" = nothing
}

// unnamed stands in snippets for a model where none is known.
const unnamed = "llama3.2"

// Guides are those of all apps, the most used first. endpoint is Carpool's address,
// "http://127.0.0.1:11435"; model is one to name in snippets, "" = none is known.
func Guides(endpoint, model string) []Guide {
	p := place{endpoint: strings.TrimSuffix(endpoint, "/"), model: model}
	if model == "" {
		p.model = unnamed
	}
	all := []Guide{
		p.openWebUI(), p.continueDev(), p.cline(), p.zed(), p.vsCode(), p.vsCodeOllama(), p.cursor(), p.jetBrains(), p.opencode(),
		p.aider(), p.goose(), p.crush(), p.codex(), p.aichat(), p.llm(), p.obsidian(), p.anythingLLM(), p.libreChat(), p.lobeChat(),
		p.sillyTavern(), p.jan(), p.msty(), p.gptel(), p.ellama(), p.neovim(), p.n8n(), p.homeAssistant(), p.langChain(),
		p.openAI(), p.ollama(), p.curl(),
	}
	for i := range all {
		all[i].Source = sources[all[i].App]
	}
	return all
}

// place is what snippets name.
type place struct{ endpoint, model string }

func (p place) n8n() Guide {
	return Guide{App: "n8n", Steps: []Step{
		{"Create a credential of the kind Ollama with this Base URL; leave the API key empty.", p.endpoint},
		{"If n8n runs in Docker Desktop, use this address. On Linux, start its container with --network=host and use the first one.", p.fromContainer()},
		{"Nodes for OpenAI: create a credential of the kind OpenAI with any key and this Base URL.", p.endpoint + "/v1"},
	}}
}

func (p place) homeAssistant() Guide {
	return Guide{App: "Home Assistant", Steps: []Step{
		{"In Settings › Devices & services › Add integration, choose Ollama and enter this URL.", p.endpoint},
		{"If it runs on another machine, open a tunnel from there first: Carpool listens on this machine only. Put your own names in.",
			"ssh -N -L " + p.port() + ":127.0.0.1:" + p.port() + " user@this-machine"},
		{"Choose the model.", p.model},
	}}
}

func (p place) langChain() Guide {
	return Guide{App: "LangChain", Steps: []Step{
		{"Install the package.", "pip install -U langchain-ollama"},
		{"Name the address where the model is made.", `from langchain_ollama import ChatOllama

llm = ChatOllama(
    model=` + quoted(p.model) + `,
    base_url=` + quoted(p.endpoint) + `,
    client_kwargs={"headers": {"X-Carpool-App": "LangChain"}},
)
print(llm.invoke("Say hello").content)
`},
		{"Programs that name none go where this says.", "export OLLAMA_HOST=" + p.endpoint},
	}}
}

func (p place) openAI() Guide {
	return Guide{App: "OpenAI SDK", Steps: []Step{
		{"Python: name the address and any key.", `from openai import OpenAI

client = OpenAI(
    base_url=` + quoted(p.endpoint+"/v1") + `,
    api_key="carpool",
    default_headers={"X-Carpool-App": "my script"},
)
answer = client.chat.completions.create(
    model=` + quoted(p.model) + `,
    messages=[{"role": "user", "content": "Say hello"}],
)
print(answer.choices[0].message.content)
`},
		{"Programs that read the environment need no change.",
			"export OPENAI_BASE_URL=" + p.endpoint + "/v1\nexport OPENAI_API_KEY=carpool"},
	}}
}

func (p place) ollama() Guide {
	return Guide{App: "Ollama's command", Steps: []Step{
		{"Linux and macOS:", "OLLAMA_HOST=" + p.endpoint + " ollama run " + shell(p.model)},
		{"Windows (PowerShell):", "$env:OLLAMA_HOST = \"" + p.endpoint + "\"\nollama run " + shell(p.model)},
	}}
}

func (p place) curl() Guide {
	body, _ := json.Marshal(map[string]any{ // strings always can be encoded
		"model": p.model, "messages": []any{map[string]any{"role": "user", "content": "Say hello"}},
	})
	return Guide{App: "curl", Steps: []Step{
		{"A chat by OpenAI's API:", "curl " + p.endpoint + "/v1/chat/completions \\\n" +
			"  -H 'Content-Type: application/json' \\\n  -d " + shell(string(body))},
		{"What models there are:", "curl " + p.endpoint + "/v1/models"},
	}}
}

func (p place) port() string {
	u, err := url.Parse(p.endpoint)
	if err != nil || u.Port() == "" {
		return "80"
	}
	return u.Port()
}

// hostPort is the address without its scheme.
func (p place) hostPort() string { return strings.TrimPrefix(p.endpoint, "http://") }

// lisp is a symbol as Emacs Lisp reads it.
func lisp(s string) string {
	var b strings.Builder
	for _, r := range s {
		if strings.ContainsRune(" \t\"';#()[]\\,`?", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// quoted is a string as JSON, YAML and Python write it.
func quoted(s string) string {
	text, _ := json.Marshal(s) // strings always can be encoded
	return string(text)
}

// shell is a word that a POSIX shell takes as it is.
func shell(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@+", r)
	}
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool { return !plain(r) }) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func indented(v any) string {
	text, _ := json.MarshalIndent(v, "", "  ") // maps of strings always can be encoded
	return string(text)
}
