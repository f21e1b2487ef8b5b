package connect

import "strings"

func (p place) obsidian() Guide {
	return Guide{App: "Obsidian", Steps: []Step{
		{"Copilot: in Settings › Copilot, add a model of the provider Ollama with this base URL.", p.endpoint},
		{"Text Generator: in its settings, choose the provider Ollama and enter this as the base path.", p.endpoint},
		{"Either way, enter the model's name.", p.model},
	}}
}

func (p place) gptel() Guide {
	return Guide{App: "Emacs (gptel)", Steps: []Step{
		{"Put this into your init file.", "(gptel-make-ollama \"Carpool\"\n  :host \"" + p.hostPort() + "\"\n  :stream t\n  :models '(" + lisp(p.model) + "))\n"},
	}}
}

func (p place) ellama() Guide {
	host, _, _ := strings.Cut(p.hostPort(), ":")
	return Guide{App: "Emacs (ellama)", Steps: []Step{
		{"Put this into your init file: Carpool is at " + p.hostPort() + ".", "(require 'llm-ollama)\n(setopt ellama-provider\n  (make-llm-ollama :host " + quoted(host) + " :port " + p.port() + " :chat-model " + quoted(p.model) + "))\n"},
	}}
}

func (p place) neovim() Guide {
	return Guide{App: "Neovim", Steps: []Step{
		{"avante.nvim: put this into what its setup() gets.", `provider = "ollama",
providers = {
  ollama = {
    endpoint = ` + quoted(p.endpoint) + `,
    model = ` + quoted(p.model) + `,
    is_env_set = require("avante.providers.ollama").check_endpoint_alive,
  },
},
`},
		{"codecompanion.nvim: put this into what its setup() gets, and name the adapter where you use one.", `adapters = {
  http = {
    ollama = function()
      return require("codecompanion.adapters").extend("ollama", {
        env = { url = ` + quoted(p.endpoint) + ` },
      })
    end,
  },
},
`},
		{"ollama.nvim: its setup() takes this.", "url = " + quoted(p.endpoint) + ",\nmodel = " + quoted(p.model) + ",\n"},
	}}
}
