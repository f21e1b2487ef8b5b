package translate

import (
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const (
	png  = `"iVBORw0KGgo="`
	tool = `{"type":"function","function":{"name":"f","parameters":{"type":"object","additionalProperties":false}}}`
)

// engines are one of each kind.
var engines = []Engine{{Kind: LMStudio}, {Kind: LlamaCPP}, {Kind: OpenAI}, {Kind: Ollama}, {Kind: KoboldCPP}}

// asked is the body for the engine as a tree.
func asked(t *testing.T, route, kind, body string) (*Exchange, map[string]any) {
	t.Helper()
	x, err := Ask(route, []byte(body), "engine-name", Engine{Kind: kind, Context: 4096})
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if len(x.Body) > 0 {
		if err := json.Unmarshal(x.Body, &got); err != nil {
			t.Fatal(err)
		}
		if got["model"] != "engine-name" {
			t.Errorf("asks for model %v", got["model"])
		}
	}
	return x, got
}

// TestAsk compares the fields that matter; null stands for a field that must not
// be there.
func TestAsk(t *testing.T) {
	for _, tt := range []struct{ name, route, kinds, in, want string }{
		{"ChatStreamsUnlessToldNotTo", "/api/chat", "lmstudio llamacpp openai ollama",
			`{"model":"m","messages":[{"role":"USER","content":"hi"}]}`,
			`{"messages":[{"role":"user","content":"hi"}],"stream":true,"stream_options":{"include_usage":true},
			  "tools":null,"temperature":null,"max_tokens":null,"response_format":null}`},
		{"ChatInOnePiece", "/api/chat", "lmstudio llamacpp openai ollama",
			`{"model":"m","stream":false,"messages":[{"role":"user","content":"hi"}],"tools":[]}`,
			`{"stream":false,"stream_options":null,"tools":null}`},
		{"ImagesGoInFrontAsData", "/api/chat", "lmstudio llamacpp openai ollama",
			`{"messages":[{"role":"user","content":"what?","images":[` + png + `,"/9j/4A=="]}]}`,
			`{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}},
			  {"type":"image_url","image_url":{"url":"data:image/jpeg;base64,/9j/4A=="}},{"type":"text","text":"what?"}]}]}`},
		{"CallsAndResultsAreMatched", "/api/chat", "llamacpp",
			`{"messages":[{"role":"assistant","thinking":"hm","tool_calls":[
			   {"function":{"name":"f","arguments":{"z":1, "a":12345678901234567890}}},{"id":"own","function":{"name":"g"}},{"function":{"name":"f"}}]},
			  {"role":"tool","tool_name":"f","content":"1"},{"role":"tool","tool_call_id":"own","content":"2"},{"role":"tool","content":"3"}],"tools":[` + tool + `]}`,
			`{"messages":[{"role":"assistant","content":"","reasoning_content":"hm","tool_calls":[
			   {"id":"call00001","type":"function","function":{"name":"f","arguments":"{\"z\":1,\"a\":12345678901234567890}"}},
			   {"id":"own","type":"function","function":{"name":"g","arguments":"{}"}},
			   {"id":"call00002","type":"function","function":{"name":"f","arguments":"{}"}}]},
			  {"role":"tool","content":"1","tool_call_id":"call00001","name":"f"},
			  {"role":"tool","content":"2","tool_call_id":"own","name":"g"},
			  {"role":"tool","content":"3","tool_call_id":"call00002","name":"f"}],"tools":[` + tool + `]}`},
		{"OptionsOfLlamaCPP", "/api/chat", "llamacpp",
			`{"messages":[{"role":"user"}],"options":{"num_predict":9,"temperature":0,"top_p":0.5,"top_k":3.7,"min_p":0.1,"seed":7,"stop":["x"],
			  "presence_penalty":1,"frequency_penalty":2,"repeat_penalty":1.1,"repeat_last_n":8,"typical_p":0.4,"num_ctx":9,"num_gpu":1,"unknown":{}}}`,
			`{"max_tokens":9,"temperature":0,"top_p":0.5,"top_k":3,"min_p":0.1,"seed":7,"stop":["x"],"presence_penalty":1,"frequency_penalty":2,
			  "repeat_penalty":1.1,"repeat_last_n":8,"typical_p":0.4,"num_ctx":null,"num_gpu":null,"unknown":null}`},
		{"OptionsOfVLLM", "/api/chat", "openai",
			`{"messages":[{"role":"user"}],"options":{"top_k":3,"min_p":0.1,"repeat_penalty":1.1,"repeat_last_n":8,"typical_p":0.4}}`,
			`{"top_k":3,"min_p":0.1,"repetition_penalty":1.1,"repeat_penalty":null,"repeat_last_n":null,"typical_p":null}`},
		{"OptionsOfLMStudio", "/api/chat", "lmstudio",
			`{"messages":[{"role":"user"}],"options":{"top_k":3,"repeat_penalty":1.1,"typical_p":0.4}}`,
			`{"top_k":3,"repeat_penalty":1.1,"typical_p":null}`},
		{"OptionsOfKoboldCPP", "/api/chat", "koboldcpp",
			`{"messages":[{"role":"user"}],"options":{"num_predict":9,"temperature":0,"top_k":3,"min_p":0.1,"seed":7,"repeat_penalty":1.1,"repeat_last_n":8,"typical_p":0.4,"mirostat":2,"num_keep":4}}`,
			`{"max_tokens":9,"temperature":0,"top_k":3,"min_p":0.1,"seed":7,"repeat_penalty":1.1,"rep_pen_range":8,"typical":0.4,"mirostat_mode":2,
			  "mirostat":null,"typical_p":null,"repeat_last_n":null,"num_keep":null}`},
		{"OptionsThatSayNothing", "/api/chat", "lmstudio llamacpp openai ollama",
			`{"messages":[{"role":"user"}],"options":{"num_predict":-1,"seed":-1,"stop":[],"temperature":null}}`,
			`{"max_tokens":null,"seed":null,"stop":null,"temperature":null}`},
		{"ALimitThatTheContextCannotHold", "/api/chat", "openai",
			`{"messages":[{"role":"user"}],"options":{"num_predict":100000}}`, `{"max_tokens":null}`},
		{"FirstSystemMessagesAreOne", "/api/chat", "lmstudio llamacpp openai ollama",
			`{"messages":[{"role":"system","content":"a"},{"role":"system","content":"b"},{"role":"user","content":"c"},{"role":"system","content":"d"}]}`,
			`{"messages":[{"role":"system","content":"a\n\nb"},{"role":"user","content":"c"},{"role":"system","content":"d"}]}`},
		{"FormatJSON", "/api/chat", "llamacpp openai ollama koboldcpp", `{"messages":[{"role":"user"}],"format":"json"}`,
			`{"response_format":{"type":"json_object"}}`},
		{"FormatJSONOfLMStudio", "/api/chat", "lmstudio", `{"messages":[{"role":"user"}],"format":"json"}`,
			`{"response_format":{"type":"json_schema","json_schema":{"name":"answer","strict":true,"schema":{"type":"object"}}}}`},
		{"FormatSchema", "/api/generate", "llamacpp openai ollama", `{"prompt":"p","format":{"type":"array","minItems":2}}`,
			`{"response_format":{"type":"json_schema","json_schema":{"name":"answer","schema":{"type":"array","minItems":2}}}}`},
		{"FormatOfNothing", "/api/generate", "lmstudio", `{"prompt":"p","format":""}`, `{"response_format":null}`},
		{"ThinkOfLlamaCPP", "/api/chat", "llamacpp", `{"messages":[{"role":"user"}],"think":false}`,
			`{"chat_template_kwargs":{"enable_thinking":false},"reasoning_effort":null}`},
		{"ThinkLevelOfLlamaCPP", "/api/chat", "llamacpp", `{"messages":[{"role":"user"}],"think":"low"}`,
			`{"chat_template_kwargs":{"enable_thinking":true,"reasoning_effort":"low"}}`},
		{"ThinkOfVLLM", "/api/chat", "openai", `{"messages":[{"role":"user"}],"think":true}`,
			`{"chat_template_kwargs":{"enable_thinking":true,"thinking":true},"reasoning_effort":null}`},
		{"ThinkLevel", "/api/chat", "lmstudio openai ollama koboldcpp", `{"messages":[{"role":"user"}],"think":"high"}`,
			`{"reasoning_effort":"high","chat_template_kwargs":null}`},
		{"ThinkNot", "/api/generate", "lmstudio ollama koboldcpp", `{"prompt":"p","think":false}`, `{"reasoning_effort":"none"}`},
		{"KeepAliveOfLMStudio", "/api/chat", "lmstudio", `{"messages":[{"role":"user"}],"keep_alive":"5m"}`, `{"ttl":300}`},
		{"KeepAliveForEver", "/api/chat", "lmstudio", `{"messages":[{"role":"user"}],"keep_alive":-1}`, `{"ttl":null}`},
		{"KeepAliveElsewhere", "/api/chat", "llamacpp openai ollama", `{"messages":[{"role":"user"}],"keep_alive":60}`, `{"ttl":null,"keep_alive":null}`},
		{"Logprobs", "/api/chat", "llamacpp openai ollama", `{"messages":[{"role":"user"}],"logprobs":true,"top_logprobs":2}`,
			`{"logprobs":true,"top_logprobs":2}`},
		{"GenerateIsAChat", "/api/generate", "lmstudio llamacpp openai ollama",
			`{"prompt":"p","system":"s","images":[` + png + `],"template":"","context":[],"suffix":""}`,
			`{"messages":[{"role":"system","content":"s"},{"role":"user","content":[
			  {"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}},{"type":"text","text":"p"}]}],"prompt":null}`},
		{"RawIsACompletion", "/api/generate", "lmstudio llamacpp openai ollama",
			`{"prompt":"<p>","raw":true,"think":true,"options":{"num_predict":2}}`,
			`{"prompt":"<p>","messages":null,"max_tokens":2,"stream":true,"suffix":null,"chat_template_kwargs":null}`},
		{"RawFormatOfLlamaCPP", "/api/generate", "llamacpp", `{"prompt":"p","raw":true,"format":"json"}`,
			`{"json_schema":{"type":"object"},"response_format":null}`},
		{"RawFormatOfKoboldCPP", "/api/generate", "koboldcpp", `{"prompt":"p","raw":true,"format":{"type":"array"}}`,
			`{"grammar":"{\"type\":\"array\"}","response_format":null,"json_schema":null}`},
		{"SuffixIsACompletion", "/api/generate", "lmstudio openai ollama", `{"prompt":"p","suffix":"s"}`, `{"prompt":"p","suffix":"s"}`},
		{"EmbedOne", "/api/embed", "lmstudio llamacpp openai ollama", `{"input":"a","dimensions":3}`,
			`{"input":["a"],"dimensions":3,"encoding_format":"float","stream":null,"truncate_prompt_tokens":null}`},
		{"EmbedMany", "/api/embed", "openai", `{"input":["a",""],"truncate":true}`, `{"input":["a",""],"truncate_prompt_tokens":-1}`},
		{"EmbeddingsOfOld", "/api/embeddings", "llamacpp", `{"prompt":"a"}`, `{"input":["a"]}`},

		{"MessagesInOnePiece", "/v1/messages", "lmstudio llamacpp openai ollama",
			`{"model":"m","max_tokens":5,"system":"s","messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"ho"}],
			  "temperature":0.5,"top_p":0.4,"stop_sequences":["x"]}`,
			`{"messages":[{"role":"system","content":"s"},{"role":"user","content":"hi"},{"role":"assistant","content":"ho"}],
			  "max_tokens":5,"temperature":0.5,"top_p":0.4,"stop":["x"],"stream":false}`},
		{"MessagesOfBlocks", "/v1/messages", "llamacpp",
			`{"max_tokens":5,"top_k":4,"stream":true,"thinking":{"type":"enabled","budget_tokens":1024},"metadata":{"user_id":"u"},
			  "system":[{"type":"text","text":"x-anthropic-billing-header: cch=1"},{"type":"text","text":"a","cache_control":{}},{"type":"text","text":"b"}],
			  "messages":[{"role":"user","content":[{"type":"text","text":"look"},{"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}}]},
			   {"role":"assistant","content":[{"type":"thinking","thinking":"hm","signature":"s"},{"type":"text","text":"I "},{"type":"text","text":"call"},
			     {"type":"tool_use","id":"t1","name":"f","input":{"b":1,"a":2}},{"type":"tool_use","id":"t2","name":"g","input":{}}]},
			   {"role":"user","content":[{"type":"text","text":"go on"},{"type":"tool_result","tool_use_id":"t1","content":"one"},
			     {"type":"tool_result","tool_use_id":"t2","is_error":true,"content":[{"type":"text","text":"two"},{"type":"image","source":{"type":"url","url":"https://x/y.png"}}]}]}]}`,
			`{"top_k":4,"stream":true,"stream_options":{"include_usage":true},"chat_template_kwargs":{"enable_thinking":true},"user":null,
			  "messages":[{"role":"system","content":"a\nb"},
			   {"role":"user","content":[{"type":"text","text":"look"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]},
			   {"role":"assistant","content":"I call","reasoning_content":"hm","tool_calls":[
			     {"id":"t1","type":"function","function":{"name":"f","arguments":"{\"b\":1,\"a\":2}"}},
			     {"id":"t2","type":"function","function":{"name":"g","arguments":"{}"}}]},
			   {"role":"tool","content":"one","tool_call_id":"t1","name":"f"},
			   {"role":"tool","content":"The tool failed:\ntwo","tool_call_id":"t2","name":"g"},
			   {"role":"user","content":[{"type":"image_url","image_url":{"url":"https://x/y.png"}},{"type":"text","text":"go on"}]}]}`},
		{"MessagesToolsKeepTheirSchema", "/v1/messages", "openai",
			`{"max_tokens":5,"messages":[{"role":"user","content":"hi"}],"metadata":{"user_id":"u"},"tool_choice":{"type":"any","disable_parallel_tool_use":true},
			  "tools":[{"name":"f","description":"d","input_schema":{"type":"object","$defs":{},"oneOf":[]}},{"type":"web_search_20250305","name":"web_search"}]}`,
			`{"tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object","$defs":{},"oneOf":[]}}}],
			  "tool_choice":"required","parallel_tool_calls":false,"user":"u"}`},
		{"MessagesOneToolOfVLLM", "/v1/messages", "openai",
			`{"max_tokens":5,"messages":[{"role":"user","content":"hi"}],"tool_choice":{"type":"tool","name":"g"},"tools":[{"name":"f"},{"name":"g"}]}`,
			`{"tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g"}}],
			  "tool_choice":{"type":"function","function":{"name":"g"}}}`},
		{"MessagesOneToolElsewhere", "/v1/messages", "lmstudio llamacpp ollama",
			`{"max_tokens":5,"messages":[{"role":"user","content":"hi"}],"tool_choice":{"type":"tool","name":"g"},"tools":[{"name":"f"},{"name":"g"}]}`,
			`{"tools":[{"type":"function","function":{"name":"g"}}],"tool_choice":"required"}`},
		{"MessagesNoTool", "/v1/messages", "lmstudio llamacpp openai",
			`{"max_tokens":5,"messages":[{"role":"user","content":"hi"}],"tool_choice":{"type":"none"},"tools":[{"name":"f"}]}`,
			`{"tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"none"}`},
		{"MessagesNoToolOfOllama", "/v1/messages", "ollama",
			`{"max_tokens":5,"messages":[{"role":"user","content":"hi"}],"tool_choice":{"type":"none"},"tools":[{"name":"f"}]}`,
			`{"tools":null,"tool_choice":null}`},
		{"MessagesSchema", "/v1/messages", "llamacpp",
			`{"max_tokens":5,"messages":[{"role":"user","content":"hi"}],"output_config":{"format":{"type":"json_schema","schema":{"type":"object"}}}}`,
			`{"response_format":{"type":"json_schema","json_schema":{"name":"answer","schema":{"type":"object"}}}}`},

		{"ResponsesOfText", "/v1/responses", "lmstudio llamacpp openai ollama",
			`{"model":"m","input":"hi","instructions":"s","max_output_tokens":5,"temperature":0.5,"top_p":0.4,"store":true,"reasoning":null}`,
			`{"messages":[{"role":"system","content":"s"},{"role":"user","content":"hi"}],"max_tokens":5,"temperature":0.5,"top_p":0.4,"stream":false,"reasoning_effort":null}`},
		{"ResponsesOfItems", "/v1/responses", "lmstudio",
			`{"stream":true,"input":[{"role":"developer","content":"d"},{"type":"message","role":"user","content":[{"type":"input_text","text":"a"},{"type":"input_text","text":"b"},
			   {"type":"input_image","image_url":"data:image/png;base64,AA=="}]},
			  {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"hm"}],"encrypted_content":"x"},
			  {"type":"message","role":"assistant","content":[{"type":"output_text","text":"I call"}]},
			  {"type":"function_call","call_id":"c1","name":"f","arguments":"{}"},{"type":"function_call","call_id":"c2","name":"g","arguments":""},
			  {"type":"function_call_output","call_id":"c2","output":"two"},
			  {"type":"function_call_output","call_id":"c1","output":[{"type":"input_text","text":"one"},{"type":"input_image","image_url":"data:image/png;base64,BB=="}]},
			  {"role":"user","content":"go on"}]}`,
			`{"messages":[{"role":"system","content":"d"},
			  {"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AA=="}}]},
			  {"role":"assistant","content":"I call","reasoning_content":"hm","tool_calls":[
			    {"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"c2","type":"function","function":{"name":"g","arguments":"{}"}}]},
			  {"role":"tool","content":"two","tool_call_id":"c2","name":"g"},{"role":"tool","content":"one","tool_call_id":"c1","name":"f"},
			  {"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,BB=="}},{"type":"text","text":"go on"}]}],"stream":true}`},
		{"ResponsesTools", "/v1/responses", "openai",
			`{"input":"hi","parallel_tool_calls":false,"tool_choice":{"type":"function","name":"f"},"reasoning":{"effort":"low","summary":"auto"},"user":"u",
			  "tools":[{"type":"function","name":"f","description":"d","strict":true,"parameters":{"type":"object","minProperties":1}},{"type":"web_search"}],
			  "text":{"format":{"type":"json_schema","name":"n","strict":true,"schema":{"type":"object"}},"verbosity":"low"}}`,
			`{"tools":[{"type":"function","function":{"name":"f","description":"d","strict":true,"parameters":{"type":"object","minProperties":1}}}],
			  "tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":false,"reasoning_effort":"low","user":"u",
			  "response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{"type":"object"}}}}`},
		{"ResponsesJSON", "/v1/responses", "llamacpp", `{"input":"hi","text":{"format":{"type":"json_object"}},"reasoning":{"effort":"none"}}`,
			`{"response_format":{"type":"json_object"},"chat_template_kwargs":{"enable_thinking":false}}`},
	} {
		for kind := range strings.FieldsSeq(tt.kinds) {
			t.Run(tt.name+"/"+kind, func(t *testing.T) {
				_, got := asked(t, tt.route, kind, tt.in)
				var want map[string]any
				if err := json.Unmarshal([]byte(tt.want), &want); err != nil {
					t.Fatal(err)
				}
				if kind == OpenAI || kind == Ollama {
					renameThinking(want, kind)
				}
				for name, value := range want {
					if !reflect.DeepEqual(got[name], value) {
						t.Errorf("%s = %s, want %s", name, mustEncode(got[name]), mustEncode(value))
					}
				}
			})
		}
	}
}

func renameThinking(body map[string]any, kind string) {
	messages, _ := body["messages"].([]any)
	for _, m := range messages {
		fields := m.(map[string]any)
		if text, ok := fields["reasoning_content"]; ok {
			if fields["reasoning"] = text; kind == Ollama {
				delete(fields, "reasoning_content")
			}
		}
	}
}

func mustEncode(v any) string {
	b, err := encode(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func TestAsk_TakesThePathOfTheEngine(t *testing.T) {
	for body, want := range map[string]string{
		`{"prompt":"p"}`:              chatPath,
		`{"prompt":"p","raw":true}`:   completionsPath,
		`{"prompt":"p","suffix":"s"}`: completionsPath,
	} {
		if x, _ := asked(t, "/api/generate", OpenAI, body); x.Path != want {
			t.Errorf("%s goes to %s, want %s", body, x.Path, want)
		}
	}
	if x, _ := asked(t, "/api/embed", OpenAI, `{"input":"a"}`); x.Path != embeddingsPath || x.Stream {
		t.Errorf("embed goes to %s, stream %v", x.Path, x.Stream)
	}
}

func TestAsk_Refuses(t *testing.T) {
	for _, tt := range []struct {
		name, route, body, kind string
		status                  int
		param, words            string
	}{
		{"NoJSON", "/api/chat", `{"messages":`, OpenAI, 400, "", "cannot be read"},
		{"AWrongType", "/api/chat", `{"messages":[{"role":7}]}`, OpenAI, 400, "messages.role", "cannot be read"},
		{"AnOptionOfAWrongType", "/api/chat", `{"messages":[{"role":"user"}],"options":{"seed":"x"}}`, OpenAI, 400, "options.seed", "number"},
		{"AStopOfAWrongType", "/api/chat", `{"messages":[{"role":"user"}],"options":{"stop":"x"}}`, OpenAI, 400, "options.stop", "array of strings"},
		{"ArgumentsThatAreText", "/api/chat", `{"messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"x"}}]}]}`, OpenAI, 400, "messages[0].tool_calls", "object"},
		{"AnUnknownImage", "/api/chat", `{"messages":[{"role":"user","images":["AAAA"]}]}`, OpenAI, 400, "messages[0].images", "PNG"},
		{"AnUnknownFormat", "/api/chat", `{"messages":[{"role":"user"}],"format":"xml"}`, OpenAI, 400, "format", "JSON Schema"},
		{"AThinkOfAWrongType", "/api/chat", `{"messages":[{"role":"user"}],"think":"much"}`, OpenAI, 400, "", "think"},
		{"ATemplate", "/api/generate", `{"prompt":"p","template":"{{.Prompt}}"}`, OpenAI, 400, "template", "raw"},
		{"AContext", "/api/generate", `{"prompt":"p","context":[1]}`, OpenAI, 400, "context", "/api/chat"},
		{"RawWithSystem", "/api/generate", `{"prompt":"p","raw":true,"system":"s"}`, OpenAI, 400, "system", "raw mode"},
		{"RawWithImages", "/api/generate", `{"prompt":"p","raw":true,"images":[` + png + `]}`, OpenAI, 400, "images", "chat only"},
		{"RawWithLogprobs", "/api/generate", `{"prompt":"p","raw":true,"logprobs":true}`, OpenAI, 400, "logprobs", "chat only"},
		{"ASuffixOfLlamaCPP", "/api/generate", `{"prompt":"p","suffix":"s"}`, LlamaCPP, 400, "suffix", "raw"},
		{"ASuffixOfKoboldCPP", "/api/generate", `{"prompt":"p","suffix":"s"}`, KoboldCPP, 400, "suffix", "raw"},
		{"Unloading", "/api/generate", `{"keep_alive":0}`, OpenAI, 501, "keep_alive", "unload"},
		{"InputOfTokens", "/api/embed", `{"input":[1]}`, OpenAI, 400, "input", "input type"},
		{"MessagesWithoutLimit", "/v1/messages", `{"messages":[{"role":"user","content":"x"}]}`, OpenAI, 400, "max_tokens", "required"},
		{"NoMessages", "/v1/messages", `{"max_tokens":1}`, OpenAI, 400, "messages", "required"},
		{"ADocument", "/v1/messages", `{"max_tokens":1,"messages":[{"role":"user","content":[{"type":"document","source":{"type":"base64"}}]}]}`, OpenAI, 400, "messages[0].content[0]", "document"},
		{"AnAddressOfAnImage", "/v1/messages", `{"max_tokens":1,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"https://x"}}]}]}`, LMStudio, 400, "messages[0].content[0].source.url", "base64"},
		{"AnAddressThatItPassesOver", "/v1/messages", `{"max_tokens":1,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"https://x"}}]}]}`, KoboldCPP, 400, "messages[0].content[0].source.url", "base64"},
		{"AFileAsAnImage", "/v1/messages", `{"max_tokens":1,"messages":[{"role":"user","content":[{"type":"image","source":{"type":"url","url":"file:///x"}}]}]}`, LlamaCPP, 400, "messages[0].content[0].source.url", "base64"},
		{"AToolWithoutSchema", "/v1/messages", `{"max_tokens":1,"messages":[{"role":"user","content":"x"}],"tools":[{"type":"bash_20250124","name":"bash"}]}`, OpenAI, 400, "tools[0]", "input_schema"},
		{"OnlyVendorsTools", "/v1/messages", `{"max_tokens":1,"messages":[{"role":"user","content":"x"}],"tools":[{"type":"web_search_20250305","name":"web_search"}]}`, OpenAI, 400, "tools", "vendor"},
		{"AToolThatIsNotThere", "/v1/messages", `{"max_tokens":1,"messages":[{"role":"user","content":"x"}],"tools":[{"name":"f"}],"tool_choice":{"type":"tool","name":"g"}}`, OpenAI, 400, "tool_choice", `"g"`},
		{"AnUnknownChoice", "/v1/messages", `{"max_tokens":1,"messages":[{"role":"user","content":"x"}],"tools":[{"name":"f"}],"tool_choice":{"type":"x"}}`, OpenAI, 400, "tool_choice", "auto"},
		{"AnEarlierAnswer", "/v1/responses", `{"input":"x","previous_response_id":"resp_1"}`, OpenAI, 400, "previous_response_id", "whole conversation"},
		{"AConversation", "/v1/responses", `{"input":"x","conversation":"c"}`, OpenAI, 400, "conversation", "whole conversation"},
		{"WorkInTheBackground", "/v1/responses", `{"input":"x","background":true}`, OpenAI, 400, "background", "without background"},
		{"NoInput", "/v1/responses", `{"input":null}`, OpenAI, 400, "input", "required"},
		{"AnUnknownItem", "/v1/responses", `{"input":[{"type":"item_reference","id":"x"}]}`, OpenAI, 400, "input[0]", "item_reference"},
		{"AFile", "/v1/responses", `{"input":[{"role":"user","content":[{"type":"input_file"}]}]}`, OpenAI, 400, "input[0].content[0]", "input_file"},
		{"ACustomTool", "/v1/responses", `{"input":"x","tools":[{"type":"custom","name":"patch"}]}`, OpenAI, 400, "tools[0]", "function"},
		{"AVendorsTool", "/v1/responses", `{"input":"x","tools":[{"type":"web_search"}]}`, OpenAI, 400, "tools", "vendor"},
		{"AnUnknownRoute", "/api/pull", `{}`, OpenAI, 404, "", "/api/pull"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Ask(tt.route, []byte(tt.body), "e", Engine{Kind: tt.kind})
			e, ok := errors.AsType[*Error](err)
			if !ok {
				t.Fatalf("error = %v", err)
			}
			if e.Status != tt.status || e.Param != tt.param || !strings.Contains(e.Message, tt.words) {
				t.Errorf("refused with %d, %q, %q", e.Status, e.Param, e.Message)
			}
		})
	}
}

func TestTranslates(t *testing.T) {
	want := []string{"/api/chat", "/api/embed", "/api/embeddings", "/api/generate", "/v1/messages", "/v1/responses"}
	if got := slices.Sorted(maps.Keys(routes)); !slices.Equal(got, want) || !Translates(want[0]) || Translates("/v1/models") {
		t.Errorf("routes are %v", got)
	}
}

func TestAsk_AnUnknownKindIsTakenForOpenAI(t *testing.T) {
	_, want := asked(t, "/v1/responses", OpenAI, `{"input":"x","user":"u"}`)
	if _, got := asked(t, "/v1/responses", "sglang", `{"input":"x","user":"u"}`); !reflect.DeepEqual(got, want) {
		t.Errorf("asks %v, not %v", got, want)
	}
}
