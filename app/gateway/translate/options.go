package translate

import (
	"encoding/json"
	"strconv"
)

// option is one of Ollama's options by the names that engines give it.
type option struct {
	whole                    bool // an integer
	llamacpp, lmstudio, vllm string
	koboldcpp                string
	ollama                   string // by its OpenAI routes; "" = cannot be told
}

// everywhere is an option that OpenAI knows, too.
func everywhere(name string, whole bool) option {
	return option{whole: whole, llamacpp: name, lmstudio: name, vllm: name, koboldcpp: name, ollama: name}
}

// options are the options that are numbers. All others of Ollama's (num_ctx,
// num_gpu, num_thread, …) are about how a model is loaded, which no request can
// change here.
var options = map[string]option{
	"temperature":       everywhere("temperature", false),
	"top_p":             everywhere("top_p", false),
	"presence_penalty":  everywhere("presence_penalty", false),
	"frequency_penalty": everywhere("frequency_penalty", false),
	"seed":              everywhere("seed", true),
	"top_k":             {whole: true, llamacpp: "top_k", lmstudio: "top_k", vllm: "top_k", koboldcpp: "top_k"},
	"min_p":             {llamacpp: "min_p", lmstudio: "min_p", vllm: "min_p", koboldcpp: "min_p"},
	"repeat_penalty":    {llamacpp: "repeat_penalty", lmstudio: "repeat_penalty", vllm: "repetition_penalty", koboldcpp: "repeat_penalty"},
	"num_keep":          {whole: true, llamacpp: "n_keep"},
	"repeat_last_n":     {whole: true, llamacpp: "repeat_last_n", koboldcpp: "rep_pen_range"},
	"typical_p":         {llamacpp: "typical_p", koboldcpp: "typical"},
	"mirostat":          {whole: true, llamacpp: "mirostat", koboldcpp: "mirostat_mode"},
	"mirostat_tau":      {llamacpp: "mirostat_tau", koboldcpp: "mirostat_tau"},
	"mirostat_eta":      {llamacpp: "mirostat_eta", koboldcpp: "mirostat_eta"},
	"xtc_probability":   {llamacpp: "xtc_probability", koboldcpp: "xtc_probability"},
	"xtc_threshold":     {llamacpp: "xtc_threshold", koboldcpp: "xtc_threshold"},
	"dry_multiplier":    {llamacpp: "dry_multiplier", koboldcpp: "dry_multiplier"},
	"dry_base":          {llamacpp: "dry_base", koboldcpp: "dry_base"},
}

// name is the option's name at an engine; "" = it has none.
func (o option) name(e Engine) string {
	switch e.Kind {
	case LlamaCPP:
		return o.llamacpp
	case LMStudio:
		return o.lmstudio
	case Ollama:
		return o.ollama
	case KoboldCPP:
		return o.koboldcpp
	}
	return o.vllm
}

// options writes Ollama's options. One of the wrong type is refused in Ollama's
// words, whether the engine could be told or not.
func (a *ask) options(given map[string]json.RawMessage) error {
	for name, raw := range given {
		o, number := options[name]
		switch {
		case string(raw) == "null":
		case name == "stop":
			var stop []string
			if json.Unmarshal(raw, &stop) != nil {
				return refuse("options.stop", `option "stop" must be of an array of strings`)
			}
			if len(stop) > 0 {
				a.out["stop"] = stop
			}
		case number, name == "num_predict":
			var value float64
			if json.Unmarshal(raw, &value) != nil {
				return refuse("options."+name, "option %q must be of type number", name)
			}
			a.option(name, o, raw, value)
		}
	}
	return nil
}

// option writes one number. One that is below zero where that means chance or no
// limit is left open, which means the same everywhere.
func (a *ask) option(name string, o option, raw json.RawMessage, value float64) {
	to := o.name(a.engine)
	switch {
	case name == "num_predict":
		a.limit(int(whole(raw, value)))
	case to == "" || name == "seed" && value < 0:
	case o.whole:
		a.out[to] = whole(raw, value)
	default:
		a.out[to] = raw
	}
}

// whole is a number without its fraction, as Ollama reads it.
func whole(raw json.RawMessage, value float64) int64 {
	if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
		return n
	}
	return int64(min(max(value, -1<<53), 1<<53))
}
