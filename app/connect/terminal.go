package connect

func (p place) opencode() Guide {
	return Guide{App: "opencode", Steps: []Step{
		{"Add this to ~/.config/opencode/opencode.json.", indented(map[string]any{
			"provider": map[string]any{"carpool": map[string]any{
				"npm": "@ai-sdk/openai-compatible", "name": "Carpool",
				"options": map[string]any{"baseURL": p.endpoint + "/v1"},
				"models":  map[string]any{p.model: map[string]any{"name": p.model}},
			}},
		})},
		{"Choose the model with /models.", ""},
	}}
}

func (p place) aider() Guide {
	return Guide{App: "aider", Steps: []Step{
		{"Put this into ~/.aider.conf.yml.", "set-env:\n  - OLLAMA_API_BASE=" + p.endpoint + "\n"},
		{"Start it with the model.", "aider --model " + shell("ollama_chat/"+p.model)},
	}}
}

func (p place) goose() Guide {
	return Guide{App: "Goose", Steps: []Step{
		{"Run “goose configure”, choose Configure Providers, Ollama, and enter this as OLLAMA_HOST; it ends up in ~/.config/goose/config.yaml.", p.endpoint},
	}}
}

func (p place) crush() Guide {
	return Guide{App: "Crush", Steps: []Step{
		{"Add this to ~/.config/crush/crush.json, on Windows in %LOCALAPPDATA%\\crush.", indented(map[string]any{
			"providers": map[string]any{"carpool": map[string]any{
				"name": "Carpool", "type": "openai", "base_url": p.endpoint + "/v1/",
				"models": []any{map[string]any{"name": p.model, "id": p.model, "context_window": 32768, "default_max_tokens": 4096}},
			}},
		})},
		{"Let context_window be what the model has with your engine. Start Crush and choose the model.", ""},
	}}
}

func (p place) codex() Guide {
	return Guide{App: "Codex", Steps: []Step{
		{"Add this to ~/.codex/config.toml.", "[model_providers.carpool]\nname = \"Carpool\"\nbase_url = \"" + p.endpoint + "/v1\"\n"},
		{"Start it with that provider and a model.", "codex -c model_provider=carpool -m " + shell(p.model)},
		{"Or keep to what is built in, and say where it goes.", "CODEX_OSS_BASE_URL=" + p.endpoint + "/v1 codex --oss -m " + shell(p.model)},
	}}
}

func (p place) aichat() Guide {
	return Guide{App: "AIChat", Steps: []Step{
		{"Put this into its config.yaml (“aichat --info” shows where), or its item under your own clients.", `clients:
  - type: openai-compatible
    name: carpool
    api_base: ` + p.endpoint + `/v1
    models:
      - name: ` + quoted(p.model) + "\n"},
	}}
}

func (p place) llm() Guide {
	return Guide{App: "llm", Steps: []Step{
		{"Put this into extra-openai-models.yaml in the folder that “dirname \"$(llm logs path)\"” shows.",
			"- model_id: " + quoted("carpool/"+p.model) + "\n  model_name: " + quoted(p.model) + "\n  api_base: " + p.endpoint + "/v1\n"},
		{"Ask it.", "llm -m " + shell("carpool/"+p.model) + " 'Say hello'"},
	}}
}
