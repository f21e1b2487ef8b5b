package launch

import (
	"fmt"
	"strings"
)

// Guide says how to give an engine that others run more slots.
type Guide struct {
	Title string `json:"title"`
	Steps []Step `json:"steps"`
}

// Step is one thing to do.
type Step struct {
	Text    string `json:"text"`
	Command string `json:"command,omitempty"` // to copy, may be several lines; "" = nothing to type
}

// GuideFor is the guide for an engine as it is run; context is in tokens for
// each slot, 0 = the engine's own default. An engine that no guide knows gets
// one without steps.
func GuideFor(k Kind, f Found, slots, context int) Guide {
	slots = max(slots, 1)
	switch k {
	case Ollama:
		return ollamaGuide(f, slots, context)
	case LlamaCPP:
		return llamaGuide(slots, context)
	case LMStudio:
		return lmStudioGuide(slots, context)
	case VLLM:
		return vllmGuide(slots)
	case KoboldCPP:
		return koboldGuide(slots, context)
	}
	return Guide{}
}

// ollamaGuide sets OLLAMA_NUM_PARALLEL where the service takes its environment
// from, as Ollama's own FAQ says.
func ollamaGuide(f Found, slots, context int) Guide {
	vars := []string{fmt.Sprintf("OLLAMA_NUM_PARALLEL=%d", slots)}
	if context > 0 {
		vars = append(vars, fmt.Sprintf("OLLAMA_CONTEXT_LENGTH=%d", context))
	}
	g := Guide{Title: fmt.Sprintf("Let Ollama run %d requests at once", slots)}
	switch f.Service {
	case Systemd:
		g.Title += " (systemd service)"
		g.Steps = systemdSteps("sudo ", "/etc/systemd/system/", "", f.unit(), vars)
	case SystemdUser:
		g.Title += " (systemd service of your own)"
		g.Steps = systemdSteps("", "~/.config/systemd/user/", "--user ", f.unit(), vars)
	case Docker, Podman:
		g.Title += " (" + string(f.Service) + ")"
		g.Steps = containerSteps(string(f.Service), vars)
	case MacApp:
		g.Title += " (macOS app)"
		g.Steps = append(launchctlSteps(vars), Step{"Start the Ollama app again.", `osascript -e 'quit app "Ollama"'; sleep 2; open -a Ollama`})
	case Brew:
		g.Title += " (Homebrew service)"
		g.Steps = append(launchctlSteps(vars), Step{"Start the service again.", "brew services restart ollama"})
	case WindowsApp:
		g.Title += " (Windows app)"
		g.Steps = windowsSteps(vars)
	default:
		g.Title += " (started by hand)"
		g.Steps = []Step{
			{"Stop the Ollama that runs: with Ctrl-C in its terminal, or where your script starts it.", ""},
			{"Start it with the setting.", strings.Join(vars, " ") + " ollama serve"},
		}
	}
	look := "ollama ps"
	if f.Service == Docker || f.Service == Podman {
		look = string(f.Service) + " exec ollama ollama ps"
	}
	g.Steps = append(g.Steps, Step{"Each slot takes the memory of one more context. If models no longer fit the GPU (the column PROCESSOR shows CPU), choose a smaller number.", look})
	return g
}

func (f Found) unit() string {
	if f.Unit == "" {
		return "ollama.service"
	}
	return f.Unit
}

// systemdSteps write a drop-in file, which is what `systemctl edit` does with an
// editor.
func systemdSteps(root, folder, user, unit string, vars []string) []Step {
	var lines strings.Builder
	for _, v := range vars {
		lines.WriteString(`Environment="` + v + `"\n`)
	}
	dir := folder + unit + ".d"
	return []Step{
		{"Add the setting to the service, in a file beside it (" + root + "systemctl " + user + "edit " + unit + " does the same in an editor).",
			fmt.Sprintf("%smkdir -p %s\nprintf '[Service]\\n%s' | %stee %s/parallel.conf", root, dir, lines.String(), root, dir)},
		{"Let systemd read it.", root + "systemctl " + user + "daemon-reload"},
		{"Start Ollama again; what it is answering now breaks off.", root + "systemctl " + user + "restart " + unit},
		{"See that the service has it.", "systemctl " + user + "show " + unit + " --property=Environment"},
	}
}

// containerSteps make the container anew: the environment of one cannot be
// changed.
func containerSteps(program string, vars []string) []Step {
	var flags, lines strings.Builder
	for _, v := range vars {
		flags.WriteString(" -e " + v)
		lines.WriteString("      - " + v + "\n")
	}
	gpus := " --gpus=all"
	if program == "podman" {
		gpus = " --device nvidia.com/gpu=all"
	}
	return []Step{
		{"See how the container was started, and its name.", program + " ps --filter ancestor=ollama/ollama"},
		{"Remove it. Its models stay where they are in a volume (-v).", program + " stop ollama && " + program + " rm ollama"},
		{"Start it with the setting. Keep your own options; these are the usual ones with an NVIDIA GPU.",
			program + " run -d" + gpus + " -v ollama:/root/.ollama -p 127.0.0.1:11434:11434" + flags.String() + " --name ollama ollama/ollama"},
		{"With compose: in the file, under the service, instead of the two steps before.", "    environment:\n" + strings.TrimRight(lines.String(), "\n")},
		{"Then let compose make the container anew.", program + " compose up -d"},
	}
}

func launchctlSteps(vars []string) []Step {
	lines := make([]string, len(vars))
	for i, v := range vars {
		name, value, _ := strings.Cut(v, "=")
		lines[i] = "launchctl setenv " + name + " " + value
	}
	return []Step{{"Set it for all programs that are started from now on, until the Mac is restarted; then once more, or from a login item.", strings.Join(lines, "\n")}}
}

func windowsSteps(vars []string) []Step {
	lines := make([]string, len(vars))
	for i, v := range vars {
		name, value, _ := strings.Cut(v, "=")
		lines[i] = "setx " + name + " " + value
	}
	return []Step{
		{"Set it for your account, for good (or in Settings: Edit environment variables for your account).", strings.Join(lines, "\n")},
		{"Quit Ollama: right-click its icon in the tray, then Quit Ollama.", ""},
		{"Start Ollama from the Start menu.", ""},
	}
}

func llamaGuide(slots, context int) Guide {
	each := context
	if each == 0 {
		each = 8192
	}
	return Guide{
		Title: fmt.Sprintf("Let llama-server run %d requests at once", slots),
		Steps: []Step{
			{"Stop the llama-server that runs: with Ctrl-C in its terminal, or where your script starts it.", ""},
			{fmt.Sprintf("Start it with -np, keeping your own options. The slots split the context (-c), so it is %d × %d tokens.", slots, each),
				fmt.Sprintf("llama-server -m MODEL.gguf -np %d -c %d", slots, slots*each)},
			{"Without -np it has 4 slots that share one context: enough for short requests, but a full one ends all of them.", ""},
		},
	}
}

func lmStudioGuide(slots, context int) Guide {
	load := fmt.Sprintf("lms unload MODEL\nlms load MODEL --parallel %d", slots)
	if context > 0 {
		load += fmt.Sprintf(" --context-length %d", context)
	}
	return Guide{
		Title: fmt.Sprintf("Let LM Studio run %d requests at once", slots),
		Steps: []Step{
			{fmt.Sprintf("In LM Studio, eject the model and load it again: switch on \"Manually choose model load parameters\", then \"Show advanced settings\", and set \"Max Concurrent Predictions\" to %d. The default is 4.", slots), ""},
			{"Or from a terminal, with LM Studio 0.4 or newer; lms ls lists the names of the models.", load},
		},
	}
}

func vllmGuide(slots int) Guide {
	return Guide{
		Title: fmt.Sprintf("Let vLLM run %d requests at once", slots),
		Steps: []Step{
			{"Start it with --max-num-seqs, keeping your own options. Its default is far more than a desktop needs; leave the option away unless someone has set it.",
				fmt.Sprintf("vllm serve MODEL --max-num-seqs %d", slots)},
		},
	}
}

func koboldGuide(slots, context int) Guide {
	each := context
	if each == 0 {
		each = 4096
	}
	return Guide{
		Title: fmt.Sprintf("Let KoboldCpp run %d requests at once", slots),
		Steps: []Step{
			{"Stop the KoboldCpp that runs: close its window, or with Ctrl-C in its terminal.", ""},
			{fmt.Sprintf("Start it with --parallelrequests, keeping your own options (32 at most; version 1.120 has it). All requests share the context, so it is %d × %d tokens.", slots, each),
				fmt.Sprintf("koboldcpp --model MODEL.gguf --parallelrequests %d --contextsize %d", slots, slots*each)},
			{"Requests with tools, pictures, a grammar or a schema, reasoning_effort, or the samplers DRY, XTC, mirostat and their like still run alone, and so does everything with a draft model.", ""},
		},
	}
}
