package connect

func (p place) anythingLLM() Guide {
	return Guide{App: "AnythingLLM", Steps: []Step{
		{"In Settings › AI Providers › LLM, choose Ollama and enter this as its base URL.", p.endpoint},
		{"The same holds for Settings › AI Providers › Embedder.", ""},
		{"In Docker Desktop, enter this address.", p.fromContainer()},
	}}
}

func (p place) libreChat() Guide {
	return Guide{App: "LibreChat", Steps: []Step{
		{"Add this to librechat.yaml, if it runs outside of Docker. In Docker, see the steps for Open WebUI: the address and the key are the same.", `endpoints:
  custom:
    - name: Carpool
      apiKey: carpool
      baseURL: ` + p.endpoint + `/v1
      models:
        default: [` + quoted(p.model) + `]
        fetch: true
`},
	}}
}

func (p place) jan() Guide {
	return Guide{App: "Jan", Steps: []Step{
		{"In Settings › Model Providers, add a provider with any key and this base URL.", p.endpoint + "/v1"},
	}}
}

func (p place) msty() Guide {
	return Guide{App: "Msty", Steps: []Step{
		{"Under Model Providers, add a remote Ollama provider with this address.", p.endpoint},
	}}
}

func (p place) lobeChat() Guide {
	return Guide{App: "LobeChat", Steps: []Step{
		{"In Settings › AI Service Provider › Ollama, enter this as the interface's address.", p.endpoint},
		{"In Docker Desktop, start its container with this address. On Linux, see the steps for Open WebUI: the address and the key are the same.",
			"docker run -d -p 3210:3210 -e OLLAMA_PROXY_URL=" + p.fromContainer() + " lobehub/lobe-chat"},
	}}
}

func (p place) sillyTavern() Guide {
	return Guide{App: "SillyTavern", Steps: []Step{
		{"Under API Connections, choose Text Completion and the type Ollama, enter this as the server URL, and connect.", p.endpoint},
	}}
}
