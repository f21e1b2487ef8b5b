package wiring

import (
	"errors"

	"carpool/app/connect/edit"
)

// errNoModel says why an entry that names a model cannot be made.
var errNoModel = errors.New("an entry needs the name of a model, and Carpool knows none now; start it with an engine that has one")

// known are the apps. The address beside each says where the form of its settings is
// described.
var known = []App{
	{
		ID: "continue", Name: "Continue",
		Source: "https://docs.continue.dev/reference, https://docs.continue.dev/reference/json-reference, https://github.com/continuedev/continue/tree/main/core/llm/llms (Ollama.ts, LMStudio.ts, LlamaCpp.ts: the usual addresses)",
		After:  "Continue reads its settings again by itself.",
		files: func(c Computer) []string {
			dir := c.variable("CONTINUE_GLOBAL_DIR", "", c.home(".continue"))
			return files(dir, "config.yaml", "config.json")
		},
		rules: []rule{
			at("models/*/apiBase", keep), at("tabAutocompleteModel/apiBase", keep),
			at("tabAutocompleteModel/*/apiBase", keep), at("embeddingsProvider/apiBase", keep),
		},
		implied: continueUsual("models/*", "tabAutocompleteModel", "tabAutocompleteModel/*", "embeddingsProvider"),
		fresh:   continueModel,
	},
	{
		ID: "zed", Name: "Zed",
		Source: "https://zed.dev/docs/ai/use-a-local-model, https://zed.dev/docs/ai/edit-prediction, https://github.com/zed-industries/zed/blob/main/crates/settings_content/src/language_model.rs",
		After:  "Zed reads its settings again by itself.",
		files: func(c Computer) []string {
			if c.OS == "windows" {
				return []string{c.roaming("Zed", "settings.json")}
			}
			return []string{c.xdg("zed", "settings.json")}
		},
		rules: []rule{
			at("language_models/ollama/api_url", keep), at("language_models/lmstudio/api_url", keep),
			at("language_models/llama.cpp/api_url", keep), at("language_models/openai_compatible/*/api_url", openAI),
			at("language_models/openai/api_url", openAI), at("edit_predictions/ollama/api_url", keep),
			at("edit_predictions/open_ai_compatible_api/api_url", keep),
		},
		implied: []implied{
			{entry: "language_models/ollama", key: "api_url"}, {entry: "language_models/lmstudio", key: "api_url", path: "/api/v0"},
			{entry: "language_models/llama.cpp", key: "api_url"}, {entry: "edit_predictions/ollama", key: "api_url"},
		},
		fresh: func(_ edit.Document, t Target) ([]edit.Add, error) {
			return []edit.Add{{Path: []string{"language_models", "ollama", "api_url"}, Tree: t.Endpoint}}, nil
		},
	},
	{
		ID: "vscode", Name: "VS Code",
		Source: "https://code.visualstudio.com/docs/agent-customization/language-models, https://github.com/microsoft/vscode/blob/main/src/vs/workbench/contrib/chat/browser/languageModelsConfigurationService.ts",
		After:  "Then run “Chat: Manage Language Models” in VS Code and choose the models.",
		files:  func(c Computer) []string { return []string{c.config("Code", "User", "chatLanguageModels.json")} },
		rules:  []rule{at("*/url", keep), at("*/models/*/url", keep)},
		implied: []implied{
			{entry: "*", by: "vendor", is: "ollama", key: "url"}, {entry: "*", by: "vendor", is: "ollama-models", key: "url"},
		},
		fresh: func(_ edit.Document, t Target) ([]edit.Add, error) {
			return []edit.Add{{Path: []string{edit.Item}, Tree: edit.Pairs{
				{Key: "name", Tree: "Carpool"},
				{Key: "vendor", Tree: "customendpoint"},
				{Key: "apiKey", Tree: "carpool"},
				{Key: "apiType", Tree: "chat-completions"},
				{Key: "url", Tree: t.Endpoint + "/v1"},
			}}}, nil
		},
	},
	{
		ID: "vscodeollama", Name: "Ollama in VS Code",
		Source: "https://github.com/ollama/ollama-vscode/blob/main/package.json (ollama.endpoint), https://github.com/microsoft/vscode-copilot-chat/blob/main/src/extension/byok/vscode-node/ollamaProvider.ts (github.copilot.chat.byok.ollamaEndpoint, before 2026), https://code.visualstudio.com/docs/configure/settings",
		After:  "Then run “Ollama: Refresh Models” in VS Code. What “carpool connect vscode” shows counts more, if it names Ollama too.",
		files:  func(c Computer) []string { return []string{c.config("Code", "User", "settings.json")} },
		rules:  []rule{at("ollama.endpoint", keep), at("github.copilot.chat.byok.ollamaEndpoint", keep)},
		fresh: func(_ edit.Document, t Target) ([]edit.Add, error) {
			return []edit.Add{{Path: []string{"ollama.endpoint"}, Tree: t.Endpoint}}, nil
		},
	},
	{
		ID: "opencode", Name: "opencode",
		Source: "https://opencode.ai/docs/providers, https://opencode.ai/docs/config (https://github.com/anomalyco/opencode, packages/web/src/content/docs)",
		After:  "Start opencode again.",
		files: func(c Computer) []string {
			return files(c.xdg("opencode"), "opencode.jsonc", "opencode.json", "config.json")
		},
		rules: []rule{at("provider/*/options/baseURL", openAI)},
		fresh: func(_ edit.Document, t Target) ([]edit.Add, error) {
			if t.Model == "" {
				return nil, errNoModel
			}
			return []edit.Add{{Path: []string{"provider", "carpool"}, Tree: edit.Pairs{
				{Key: "npm", Tree: "@ai-sdk/openai-compatible"},
				{Key: "name", Tree: "Carpool"},
				{Key: "options", Tree: edit.Pairs{{Key: "baseURL", Tree: t.Endpoint + "/v1"}}},
				{Key: "models", Tree: edit.Pairs{{Key: t.Model, Tree: edit.Pairs{{Key: "name", Tree: t.Model}}}}},
			}}}, nil
		},
	},
	{
		ID: "aider", Name: "aider",
		Source: "https://aider.chat/docs/config/aider_conf.html, https://aider.chat/docs/llms/ollama.html",
		After:  "Start aider again, with a model such as ollama_chat/llama3.2.",
		files:  func(c Computer) []string { return []string{c.home(".aider.conf.yml")} },
		rules:  []rule{at("openai-api-base", openAI), at("set-env/*", named), at("set-env", named)},
		fresh: func(_ edit.Document, t Target) ([]edit.Add, error) {
			return []edit.Add{{Path: []string{"set-env", edit.Item}, Tree: "OLLAMA_API_BASE=" + t.Endpoint}}, nil
		},
	},
	{
		ID: "goose", Name: "Goose",
		Source: "https://block.github.io/goose/docs/guides/config-files, https://github.com/block/goose/tree/main/crates/goose/src/providers (ollama.rs, openai.rs, declarative/lmstudio.json)",
		After:  "Start Goose again.",
		files: func(c Computer) []string {
			if c.OS == "windows" {
				return []string{c.roaming("Block", "goose", "config", "config.yaml")}
			}
			return []string{c.xdg("goose", "config.yaml")}
		},
		rules: []rule{at("OLLAMA_HOST", host), at("LMSTUDIO_HOST", openAI), at("OPENAI_HOST", keep)},
		fresh: func(_ edit.Document, t Target) ([]edit.Add, error) {
			return []edit.Add{{Path: []string{"OLLAMA_HOST"}, Tree: t.Endpoint}}, nil
		},
	},
	{
		ID: "crush", Name: "Crush",
		Source: "https://github.com/charmbracelet/crush/blob/main/README.md (Configuration, Local Models), https://github.com/charmbracelet/crush/tree/main/internal/config (CRUSH_GLOBAL_CONFIG)",
		After:  "Start Crush again.",
		files: func(c Computer) []string {
			other := c.xdg("crush", "crush.json")
			if c.OS == "windows" {
				other = c.local("crush", "crush.json")
			}
			return []string{c.variable("CRUSH_GLOBAL_CONFIG", "crush.json", other)}
		},
		rules: []rule{at("providers/*/base_url", openAI)},
	},
	{
		ID: "aichat", Name: "AIChat",
		Source: "https://github.com/sigoden/aichat/blob/main/config.example.yaml, https://github.com/sigoden/aichat/wiki/Environment-Variables",
		After:  "Start aichat again.",
		files: func(c Computer) []string {
			if file := c.Getenv("AICHAT_CONFIG_FILE"); file != "" {
				return []string{file}
			}
			return []string{c.variable("AICHAT_CONFIG_DIR", "config.yaml", c.config("aichat", "config.yaml"))}
		},
		rules: []rule{at("clients/*/api_base", keep)},
		fresh: func(_ edit.Document, t Target) ([]edit.Add, error) {
			if t.Model == "" {
				return nil, errNoModel
			}
			return []edit.Add{{Path: []string{"clients", edit.Item}, Tree: edit.Pairs{
				{Key: "type", Tree: "openai-compatible"},
				{Key: "name", Tree: "carpool"},
				{Key: "api_base", Tree: t.Endpoint + "/v1"},
				{Key: "models", Tree: []any{edit.Pairs{{Key: "name", Tree: t.Model}}}},
			}}}, nil
		},
	},
	{
		ID: "llm", Name: "llm",
		Source: "https://llm.datasette.io/en/stable/other-models.html#openai-compatible-models",
		After:  "“llm models” then shows it.",
		files: func(c Computer) []string {
			return []string{c.variable("LLM_USER_PATH", "extra-openai-models.yaml", c.config("io.datasette.llm", "extra-openai-models.yaml"))}
		},
		make:  true,
		rules: []rule{at("*/api_base", openAI)},
		fresh: func(_ edit.Document, t Target) ([]edit.Add, error) {
			if t.Model == "" {
				return nil, errNoModel
			}
			return []edit.Add{{Path: []string{edit.Item}, Tree: edit.Pairs{
				{Key: "model_id", Tree: "carpool/" + t.Model},
				{Key: "model_name", Tree: t.Model},
				{Key: "api_base", Tree: t.Endpoint + "/v1"},
			}}}, nil
		},
	},
	{
		ID: "codex", Name: "Codex",
		Source: "https://github.com/openai/codex/blob/main/codex-rs/model-provider-info/src/lib.rs, https://github.com/openai/codex/blob/main/docs/config.md",
		After:  "Where Carpool was added as a provider, start Codex with: codex -c model_provider=carpool -m MODEL. What Codex has built in is not changed by its settings: CODEX_OSS_BASE_URL says where “codex --oss” goes.",
		files: func(c Computer) []string {
			return []string{c.variable("CODEX_HOME", "config.toml", c.home(".codex", "config.toml"))}
		},
		rules: []rule{
			at("openai_base_url", openAI),
			at("model_providers/*/base_url", openAI).except("openai", "ollama", "lmstudio"), // built in: Codex does not take these from here
		},
		fresh: func(_ edit.Document, t Target) ([]edit.Add, error) {
			return []edit.Add{{Path: []string{"model_providers", "carpool"}, Tree: edit.Pairs{
				{Key: "name", Tree: "Carpool"}, {Key: "base_url", Tree: t.Endpoint + "/v1"},
			}}}, nil
		},
	},
	{
		ID: "obsidian", Name: "Obsidian",
		Source: "https://github.com/logancyang/obsidian-copilot (src/aiParams.ts, src/constants.ts, src/settings/model.ts; providers: src/settings/migrations/byokMigration.ts), https://help.obsidian.md/vault",
		Before: "Close Obsidian first: it may write its settings when it closes.",
		After:  "Open Obsidian again.",
		files:  vaults,
		rules: []rule{
			at("activeModels/*/baseUrl", keep), at("activeEmbeddingModels/*/baseUrl", keep),
			at("providers/*/baseUrl", keep),
		},
		implied: []implied{
			{"activeModels/*", "provider", "ollama", "baseUrl", ""}, {"activeModels/*", "provider", "lm-studio", "baseUrl", "/v1"},
			{"activeEmbeddingModels/*", "provider", "ollama", "baseUrl", ""}, {"activeEmbeddingModels/*", "provider", "lm-studio", "baseUrl", "/v1"},
		},
	},
	{
		ID: "anythingllm", Name: "AnythingLLM",
		Source: "https://github.com/Mintplex-Labs/anything-llm/blob/master/server/.env.example, https://docs.anythingllm.com/installation-desktop/storage",
		Before: "Close AnythingLLM first: it writes its settings while it runs.",
		After:  "Open AnythingLLM again.",
		files:  func(c Computer) []string { return []string{c.config("anythingllm-desktop", "storage", ".env")} },
		rules: []rule{
			at("OLLAMA_BASE_PATH", keep), at("LMSTUDIO_BASE_PATH", openAI), at("LOCAL_AI_BASE_PATH", openAI),
			at("GENERIC_OPEN_AI_BASE_PATH", openAI), at("EMBEDDING_BASE_PATH", keep),
		},
	},
	{
		ID: "librechat", Name: "LibreChat",
		Source: "https://github.com/danny-avila/LibreChat/blob/main/librechat.example.yaml, https://www.librechat.ai/docs/configuration/librechat_yaml/object_structure/custom_endpoint",
		After:  "Start LibreChat again. Where its settings list allowedAddresses, Carpool's address has to be among them. If it runs in a container, “carpool connect librechat” without --file finds it.",
		files:  func(Computer) []string { return nil }, // it lies where LibreChat was put
		rules:  []rule{at("endpoints/custom/*/baseURL", openAI)},
	},
	{
		ID: "ollama", Name: "Ollama's command",
		Source: "https://docs.ollama.com/faq, https://www.freedesktop.org/software/systemd/man/latest/environment.d.html",
		After:  "Log out and in: then “ollama run” and programs made with Ollama's libraries go through Carpool. To start Ollama by hand from then on: OLLAMA_HOST=127.0.0.1:11434 ollama serve",
		files:  func(c Computer) []string { return c.environment("60-carpool-ollama.conf") },
		make:   true, always: true,
		rules: []rule{at("OLLAMA_HOST", host)},
		fresh: func(_ edit.Document, t Target) ([]edit.Add, error) {
			return []edit.Add{{Path: []string{"OLLAMA_HOST"}, Tree: t.Endpoint}}, nil
		},
	},
	{
		ID: "openai", Name: "OpenAI SDK",
		Source: "https://github.com/openai/openai-python (OPENAI_BASE_URL), https://www.freedesktop.org/software/systemd/man/latest/environment.d.html",
		Before: "This is for all programs of your login that read OPENAI_BASE_URL, also for those that you mean for OpenAI's cloud.",
		After:  "Log out and in: then programs that read OPENAI_BASE_URL go through Carpool, unless they are told an address of their own.",
		refuse: cloudKey,
		files:  func(c Computer) []string { return c.environment("60-carpool-openai.conf") },
		make:   true, always: true,
		rules: []rule{at("OPENAI_BASE_URL", openAI), at("OPENAI_API_BASE", openAI)},
		fresh: func(_ edit.Document, t Target) ([]edit.Add, error) {
			return []edit.Add{
				{Path: []string{"OPENAI_BASE_URL"}, Tree: t.Endpoint + "/v1"},
				{Path: []string{"OPENAI_API_KEY"}, Tree: "carpool"},
			}, nil
		},
	},
}
