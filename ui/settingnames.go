package ui

import (
	"slices"
	"strings"

	"carpool/app"
)

// settingGroup is a part of the settings. It has the settings whose key, or the
// section of whose key, is in keys, and no group before it has.
type settingGroup struct {
	name  string // in English, as the key of its translation
	intro string // likewise; "" = none
	keys  []string
}

// The groups that have more than settings.
const (
	groupWindow  = "Window"
	groupHistory = "History"
	groupAbout   = "About"
)

var settingGroups = []settingGroup{
	{name: groupWindow, keys: []string{"window"}},
	{name: "Notifications", keys: []string{"notify"},
		intro: "Rare, and only of what you may want to act on. The tray's icon tells the rest."},
	{name: "Access", keys: []string{"gateway", "apps.keys", "engines.keys"},
		intro: "Programs of this computer reach Carpool without a key. Others in your network, and containers, come in by an address of their own, which is closed until you name one, and with the token of carpool lan token."},
	{name: groupHistory, keys: []string{"history"},
		intro: "Times, counts and names, in a file of this computer. Prompts and answers are never kept."},
	{name: "Batching", keys: []string{"batching", "adaptive"}},
	{name: "Queue", keys: []string{"queue"}},
	{name: "Apps", keys: []string{"apps"}},
	{name: "Models", keys: []string{"models"}},
	{name: "Embeddings", keys: []string{"embeddings"}},
	{name: "Engines", keys: []string{"engine", "engines"}},
	{name: "GPU and energy", keys: []string{"gpu", "energy"}},
	{name: "Making way", keys: []string{"yield"}},
	{name: groupAbout, keys: []string{"log", "tracing"}},
}

// groupOf is the index of a setting's group; -1 = it has none.
func groupOf(key string) int {
	section, _, _ := strings.Cut(key, ".")
	exact := slices.IndexFunc(settingGroups, func(g settingGroup) bool { return slices.Contains(g.keys, key) })
	if exact >= 0 {
		return exact
	}
	return slices.IndexFunc(settingGroups, func(g settingGroup) bool { return slices.Contains(g.keys, section) })
}

// matches reports whether each word of a query is in what is said of a setting, in
// English or in the language of the window.
func matches(s app.Setting, query string) bool {
	said := strings.ToLower(strings.Join([]string{s.Key, s.Alias, settingNames[s.Key], tr(settingNames[s.Key]), s.Help, tr(s.Help)}, " "))
	for word := range strings.FieldsSeq(strings.ToLower(query)) {
		if !strings.Contains(said, word) {
			return false
		}
	}
	return true
}

// settingNames are what the settings are called, in English.
var settingNames = map[string]string{
	"gateway.listen":                "Address",
	"gateway.lan":                   "Address for the network",
	"gateway.allowed_hosts":         "Names of this computer",
	"gateway.allowed_origins":       "Web pages",
	"gateway.max_body_mib":          "Largest request",
	"gateway.max_bodies_mib":        "Memory for requests",
	"gateway.max_header_kib":        "Longest header",
	"gateway.max_connections":       "Most connections",
	"gateway.header_timeout_s":      "Time for a header",
	"gateway.idle_timeout_s":        "Unused connections",
	"gateway.slow_client_s":         "Patience with apps",
	"gateway.connect_timeout_s":     "Time to reach an engine",
	"gateway.first_token_timeout_s": "Wait for an answer",
	"gateway.stall_timeout_s":       "Silence in an answer",
	"gateway.drain_timeout_s":       "Time to quit",
	"batching.enabled":              "Batching",
	"batching.mode":                 "Mode",
	"batching.off_mode":             "While off",
	"batching.max_batch_size":       "Batch size",
	"batching.max_batch_wait_ms":    "Wait for company",
	"batching.max_parallel_batches": "Batches at once",
	"batching.cancel_grace_ms":      "Place of a canceled request",
	"adaptive.start":                "First size",
	"adaptive.min":                  "Smallest size",
	"adaptive.max":                  "Largest size",
	"adaptive.latency_target_ms":    "Slowest stream",
	"queue.order":                   "Order",
	"queue.max_waiting":             "Longest queue",
	"queue.reserved_others":         "Places for other apps",
	"queue.reserved_urgent":         "Places for urgent requests",
	"queue.max_wait_s":              "Longest wait",
	"queue.guard_s":                 "Overdue after",
	"queue.prefix_credit":           "Credit for a cached beginning",
	"queue.shortest_first":          "Shortest first",
	"queue.share_identical":         "Share identical requests",
	"apps.keys":                     "Keys of apps",
	"apps.weights":                  "Shares",
	"apps.priorities":               "Priorities",
	"apps.supersede":                "Only the newest completion",
	"models.pinned":                 "Pinned models",
	"models.num_ctx":                "Context of models",
	"models.max_wait_s":             "Wait for a model's turn",
	"embeddings.merge":              "Merge calls",
	"embeddings.max_merge":          "Largest merged call",
	"embeddings.cache_mib":          "Cache",
	"engine.url":                    "One engine",
	"engine.demo":                   "Demo engine",
	"engines.discover":              "Look for engines",
	"engines.list":                  "Engines elsewhere",
	"engines.keys":                  "Keys of engines",
	"engines.order":                 "Preference",
	"engines.gpu_group":             "Engines that share a GPU",
	"engines.ca_file":               "Certificate authorities",
	"engines.start":                 "Start with Carpool",
	"engines.slots":                 "Slots of started engines",
	"engines.context":               "Context of each slot",
	"engines.llamacpp_model":        "Model of llama-server",
	"gpu.device":                    "GPU",
	"gpu.sample_ms":                 "Time between readings",
	"gpu.reserve_mib":               "Memory kept free",
	"yield.mode":                    "Make way",
	"yield.size":                    "Requests meanwhile",
	"yield.memory_mib":              "Memory of others",
	"yield.utilization_pct":         "GPU time of others",
	"yield.fullscreen":              "Full screen counts",
	"yield.after_s":                 "Make way after",
	"yield.back_s":                  "Come back after",
	"energy.price":                  "Price of energy",
	"history.enabled":               "Keep a history",
	"history.retention_days":        "Keep requests",
	"history.raw_days":              "Keep seconds",
	"history.minute_days":           "Keep minutes",
	"history.max_mib":               "Largest file",
	"notify.engine":                 "Engine lost or back",
	"notify.yield":                  "Making way",
	"notify.history":                "History paused",
	"log.level":                     "Log",
	"tracing.endpoint":              "Traces",
	"window.theme":                  "Theme",
	"window.language":               "Language",
	"window.welcome":                "Welcome",
	"window.explain_off":            "Explain off",
	"window.close_to_tray":          "Close to the tray",
}

// valueNames are what the values of choices are called, in English; others are
// names by themselves.
var valueNames = map[string]string{
	"auto": "Auto", "dark": "Dark", "light": "Light",
	"adaptive": "Adaptive", "fixed": "Fixed", "static": "Static",
	"serial": "One at a time", "passthrough": "Straight through",
	"fair": "Fair", "arrival": "By arrival",
	"always": "Always", "never": "Never",
	"off": "Off", "shrink": "Shrink", "unload": "Unload",
	"debug": "All", "info": "Normal", "warn": "Warnings", "error": "Errors",
}

// languageNames are the languages in their own words.
var languageNames = map[string]string{"en": "English", "de": "Deutsch", "es": "Español", "zh": "中文"}

func valueName(value string) string {
	if name, ok := languageNames[value]; ok {
		return name
	}
	if name, ok := valueNames[value]; ok {
		return tr(name)
	}
	return value
}
