package process

import (
	"slices"
	"strings"
)

// programs are the kinds of engines by what their programs are called, in lower
// case. A word that others use too, such as "server", tells nothing.
var programs = map[string]string{
	"ollama": "ollama", "ollama app": "ollama", "ollama_llama_server": "ollama",
	"lm-studio": "lmstudio", "lm studio": "lmstudio", "lms": "lmstudio", "llmster": "lmstudio",
	"llama-server": "llamacpp", "llamafile": "llamacpp",
	"vllm": "openai", "sglang": "openai", "local-ai": "openai", "mlx_lm": "openai", "mlx_lm.server": "openai",
	"lmdeploy": "openai", "aphrodite": "openai", "trtllm-serve": "openai", "tritonserver": "openai",
	"text-generation-launcher": "openai", "text-generation-server": "openai",
}

// kindOf is the kind of engine that a program is of; "" = of none.
func kindOf(f facts) string {
	if strings.Contains(strings.ReplaceAll(f.exe, `\`, "/"), "/.lmstudio/") {
		return "lmstudio" // its own interpreter
	}
	title, _, _ := strings.Cut(f.name, "::") // "VLLM::EngineCore"
	for _, name := range []string{f.base(), f.app().Name, title, f.module()} {
		name = strings.ToLower(name)
		if kind := programs[name]; kind != "" {
			return kind
		}
		if strings.HasPrefix(name, "koboldcpp") {
			return "koboldcpp" // with the system and what it was built for behind: koboldcpp-linux-x64-nocuda
		}
	}
	return ""
}

// module is the package that Python runs: "vllm" of "-m vllm.entrypoints.api_server".
func (f facts) module() string {
	i := slices.Index(f.args, "-m")
	if l, ok := languageOf(f.base()); !ok || l.id != "python" || i < 0 || i+1 == len(f.args) {
		return ""
	}
	name, _, _ := strings.Cut(f.args[i+1], ".")
	return name
}
