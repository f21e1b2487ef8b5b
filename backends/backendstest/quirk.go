package backendstest

// Quirk is a way in which an engine differs from what a client would expect, or
// from its other versions.
type Quirk string

// The quirks. What each is, is in Quirks.
const (
	AnswersAnyModel  Quirk = "answers any model"
	SilentOverflow   Quirk = "silent overflow"
	ErrorField       Quirk = "error field"
	NoSlotsRoute     Quirk = "no slots route"
	NoMetrics        Quirk = "no metrics"
	OnlyEmbeddings   Quirk = "only embeddings"
	FlatErrors       Quirk = "flat errors"
	ReasoningRenamed Quirk = "reasoning renamed"
	NoAutoTools      Quirk = "no auto tools"
	NeverCounts      Quirk = "never counts embeddings"
)

// Quirks are all of them, with the engine, whether it is on at first, and where
// it is from.
var Quirks = []struct {
	Engine  string
	Quirk   Quirk
	Default bool
	About   string
	From    string
}{
	{"LM Studio", AnswersAnyModel, true, "a name that it does not list is answered by the model that is loaded", "lmstudio-bug-tracker#619"},
	{"LM Studio", SilentOverflow, false, "a prompt larger than the context gets a good stream without a token; off: an error event inside a 200", "lmstudio-bug-tracker#2339, #2322"},
	{"LM Studio", NeverCounts, true, "the usage of embeddings is 0", "LM Studio docs, REST API v0"},
	{"llama-server", ErrorField, false, "an error inside a stream is an `error:` field, then comes [DONE]; off: `data: {\"error\":…}` and no [DONE]", "llama.cpp server.cpp, older versions"},
	{"llama-server", NoSlotsRoute, false, "/slots answers 501, as with --no-slots", "llama.cpp tools/server/README.md"},
	{"llama-server", NoMetrics, false, "/metrics answers 501, as without --metrics", "llama.cpp tools/server/README.md"},
	{"llama-server", OnlyEmbeddings, false, "with --embeddings it refuses completions with 501", "llama.cpp server.cpp, older versions"},
	{"vLLM", FlatErrors, false, "errors are {\"object\":\"error\",…} without an envelope", "vllm protocol.py, older versions"},
	{"vLLM", ReasoningRenamed, false, "thinking is in `reasoning`; off: in `reasoning_content`", "vllm chat_completion/protocol.py, newer versions"},
	{"vLLM", NoAutoTools, false, "tools are refused with 400, as without --enable-auto-tool-choice", "vllm serving_chat.py"},
}
