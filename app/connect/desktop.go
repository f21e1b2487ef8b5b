package connect

func (p place) anythingLLM() Guide {
	return Guide{"AnythingLLM", []Step{
		{"In Settings › AI Providers › LLM, choose Ollama and enter this as its base URL.", p.endpoint},
		{"The same holds for Settings › AI Providers › Embedder.", ""},
		{"In Docker Desktop, enter this address.", p.fromContainer()},
	}}
}

func (p place) libreChat() Guide {
	return Guide{"LibreChat", []Step{
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
	return Guide{"Jan", []Step{
		{"In Settings › Model Providers, add a provider with any key and this base URL.", p.endpoint + "/v1"},
	}}
}

func (p place) msty() Guide {
	return Guide{"Msty", []Step{
		{"Under Model Providers, add a remote Ollama provider with this address.", p.endpoint},
	}}
}
