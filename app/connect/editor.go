package connect

func (p place) continueDev() Guide {
	return Guide{App: "Continue", Steps: []Step{
		{"Put this into ~/.continue/config.yaml, or its model under your own models.", `name: Local models
version: 1.0.0
schema: v1
models:
  - name: Carpool
    provider: ollama
    model: ` + quoted(p.model) + `
    apiBase: ` + p.endpoint + `
    roles: [chat, edit, apply]
    requestOptions:
      headers:
        X-Carpool-App: Continue
`},
		{"Let newer completions replace those that still wait: give the autocomplete model the same apiBase, and tell Carpool.",
			"carpool set apps.supersede=Continue"},
	}}
}

func (p place) cline() Guide {
	return Guide{App: "Cline and Roo Code", Steps: []Step{
		{"Where they keep their settings changes from version to version, so set this in their own: under API Configuration or Providers, set the API Provider to Ollama.", ""},
		{"Tick “Use custom base URL” and enter this address.", p.endpoint},
		{"Choose the model. Cline wants a context of 32,000 tokens or more.", p.model},
	}}
}

func (p place) zed() Guide {
	return Guide{App: "Zed", Steps: []Step{
		{"Add this to settings.json (command “zed: open settings file”).", indented(map[string]any{
			"language_models": map[string]any{"ollama": map[string]any{"api_url": p.endpoint}},
		})},
		{"Choose a model under Ollama in the model menu of the agent panel; Zed finds them by itself.", ""},
	}}
}

func (p place) vsCode() Guide {
	return Guide{App: "VS Code", Steps: []Step{
		{"Run “Chat: Manage Language Models”, choose Add Models, then Custom Endpoint, and in the file that opens (chatLanguageModels.json) let the new entry be this one.",
			indented([]any{map[string]any{"name": "Carpool", "vendor": "customendpoint", "apiKey": "carpool", "apiType": "chat-completions", "url": p.endpoint + "/v1"}})},
		{"Choose its models in the model picker of the chat.", ""},
	}}
}

func (p place) vsCodeOllama() Guide {
	return Guide{App: "Ollama in VS Code", Steps: []Step{
		{"For Ollama's own extension, put this into settings.json (command “Preferences: Open User Settings (JSON)”).",
			indented(map[string]any{"ollama.endpoint": p.endpoint})},
		{"Run “Ollama: Refresh Models”.", ""},
	}}
}

func (p place) cursor() Guide {
	return Guide{App: "Cursor", Steps: []Step{
		{"What Cursor itself asks goes by way of Cursor's servers, even with an address of your own, and they do not reach this computer. Install Continue or Cline in Cursor, and point that here.", p.endpoint},
	}}
}

func (p place) jetBrains() Guide {
	return Guide{App: "JetBrains AI Assistant", Steps: []Step{
		{"In Settings › Tools › AI Assistant › Providers & API keys, choose Ollama under the third-party providers and enter this URL.", p.endpoint},
		{"Press Test Connection, and choose the models.", p.model},
	}}
}
