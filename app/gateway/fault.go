package gateway

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"strings"
	"time"
	"unicode"

	"carpool/backends"
	"carpool/batching"
)

// kind names an error of ours: the code in OpenAI answers and the error kind in
// the history.
type kind string

const (
	invalidRequest      kind = "invalid_request_error"
	forbiddenHost       kind = "forbidden_host"
	forbiddenOrigin     kind = "forbidden_origin"
	invalidKey          kind = "invalid_api_key"
	localOnly           kind = "local_only"
	notFound            kind = "not_found"
	methodNotAllowed    kind = "method_not_allowed"
	modelNotFound       kind = "model_not_found"
	requestTimeout      kind = "request_timeout"
	requestTooLarge     kind = "request_too_large"
	unsupportedMedia    kind = "unsupported_media_type"
	contextLength       kind = "context_length_exceeded"
	rateLimited         kind = "rate_limit_exceeded"
	queueFull           kind = "queue_full"
	queueTimeout        kind = "queue_timeout"
	superseded          kind = "superseded"
	cancelled           kind = "cancelled"
	shuttingDown        kind = "shutting_down"
	gpuYielded          kind = "gpu_yielded"
	gpuLost             kind = "gpu_lost"
	backendUnavailable  kind = "backend_unavailable"
	backendDisconnected kind = "backend_disconnected"
	backendBadResponse  kind = "backend_bad_response"
	backendTruncated    kind = "backend_truncated"
	backendTimeout      kind = "backend_timeout"
	backendError        kind = "backend_error"
	insufficientMemory  kind = "insufficient_memory"
	internalError       kind = "internal_error"
	notImplemented      kind = "not_implemented"

	// These are never sent, only recorded: the last is no error, but worth a look.
	clientGone kind = "client_gone"
	slowClient kind = "slow_client"
	empty      kind = "empty"
)

// rule is what all faults of a kind have in common.
type rule struct {
	status     int
	openai     string // error.type of the OpenAI dialect
	anthropic  string // error.type of the Anthropic dialect
	retryAfter int    // seconds; 0 = not sent
	hopeless   bool   // a retry cannot help: x-should-retry: false
	hangUp     bool   // Connection: close
}

const (
	invalidType     = "invalid_request_error"
	unavailableType = "service_unavailable_error"
	apiType         = "api_error"
)

// statusClientClosed is in records only, never on the wire.
const statusClientClosed = 499

var rules = map[kind]rule{
	invalidRequest:      {status: 400, openai: invalidType, anthropic: invalidType},
	contextLength:       {status: 400, openai: invalidType, anthropic: invalidType},
	forbiddenHost:       {status: 403, openai: "permission_error", anthropic: "permission_error"},
	forbiddenOrigin:     {status: 403, openai: "permission_error", anthropic: "permission_error"},
	invalidKey:          {status: 401, openai: invalidType, anthropic: "authentication_error", hopeless: true},
	localOnly:           {status: 403, openai: "permission_error", anthropic: "permission_error", hopeless: true},
	notFound:            {status: 404, openai: invalidType, anthropic: "not_found_error"},
	modelNotFound:       {status: 404, openai: invalidType, anthropic: "not_found_error"},
	methodNotAllowed:    {status: 405, openai: invalidType, anthropic: invalidType},
	requestTimeout:      {status: 408, openai: invalidType, anthropic: "timeout_error", hangUp: true},
	superseded:          {status: 409, openai: "conflict_error", anthropic: "superseded", hopeless: true},
	cancelled:           {status: 409, openai: "conflict_error", anthropic: "cancelled", hopeless: true},
	requestTooLarge:     {status: 413, openai: invalidType, anthropic: "request_too_large", hangUp: true},
	unsupportedMedia:    {status: 415, openai: invalidType, anthropic: invalidType},
	rateLimited:         {status: 429, openai: "rate_limit_error", anthropic: "rate_limit_error", retryAfter: 5},
	clientGone:          {status: statusClientClosed},
	slowClient:          {status: statusClientClosed},
	backendError:        {status: 500, openai: apiType, anthropic: apiType},
	insufficientMemory:  {status: 500, openai: apiType, anthropic: apiType, hopeless: true},
	internalError:       {status: 500, openai: apiType, anthropic: apiType, hopeless: true},
	notImplemented:      {status: 501, openai: apiType, anthropic: apiType, hopeless: true},
	backendDisconnected: {status: 502, openai: apiType, anthropic: apiType, retryAfter: 1},
	backendBadResponse:  {status: 502, openai: apiType, anthropic: apiType},
	backendTruncated:    {status: 502, openai: apiType, anthropic: apiType},
	queueFull:           {status: 503, openai: unavailableType, anthropic: "overloaded_error", retryAfter: 5},
	queueTimeout:        {status: 503, openai: unavailableType, anthropic: "overloaded_error", retryAfter: 5},
	shuttingDown:        {status: 503, openai: unavailableType, anthropic: apiType, retryAfter: 5, hangUp: true},
	gpuYielded:          {status: 503, openai: unavailableType, anthropic: apiType, hopeless: true},
	gpuLost:             {status: 503, openai: unavailableType, anthropic: apiType, hopeless: true},
	backendUnavailable:  {status: 503, openai: unavailableType, anthropic: apiType, retryAfter: 5},
	backendTimeout:      {status: 504, openai: apiType, anthropic: "timeout_error"},
}

// fault is an error of ours before it is put into a dialect.
type fault struct {
	kind    kind
	message string
	param   string // path of the request's field at fault; "" = none
	code    int    // status instead of the kind's; 0 = the kind's
	after   int    // seconds after which to try again, instead of the kind's; 0 = the kind's
	unheard bool   // no connection was made in time, so the engine knows nothing of the request
}

func newFault(k kind, message string) *fault { return &fault{kind: k, message: message} }

// Error implements error.
func (f *fault) Error() string { return string(f.kind) + ": " + f.message }

// isLoss reports whether the engine is not there any more, or was not reached.
func (f *fault) isLoss() bool {
	return f.kind == backendUnavailable || f.kind == backendDisconnected || f.unheard
}

func (f *fault) status() int {
	if f.code != 0 {
		return f.code
	}
	return rules[f.kind].status
}

// faultOfCancel is the fault of a request that the user has cancelled; nil = it was
// not. 409 and not 503: SDKs send a 503 again, which nobody wants here.
func faultOfCancel(err error) *fault {
	if errors.Is(err, batching.ErrCancelled) {
		return newFault(cancelled, "cancelled in Carpool")
	}
	return nil
}

// faultOfQueue maps the errors of Scheduler.Acquire; nil = not one of them.
func faultOfQueue(err error) *fault {
	if f := faultOfCancel(err); f != nil {
		return f
	}
	switch {
	case errors.Is(err, batching.ErrQueueFull):
		return newFault(queueFull, "the queue is full, try again later")
	case errors.Is(err, batching.ErrAppQueueFull):
		return newFault(rateLimited, "this app has too many requests waiting, try again later")
	case errors.Is(err, batching.ErrTooLarge):
		return faultOfSize(err)
	case errors.Is(err, batching.ErrQueueTimeout):
		return newFault(queueTimeout, "the request waited too long in the queue")
	case errors.Is(err, batching.ErrSuperseded):
		return newFault(superseded, "superseded: a newer request took the place of this one")
	case errors.Is(err, errSilent):
		return newFault(backendTimeout, errWedged.Error())
	case errors.Is(err, errEngineGone):
		return newFault(backendUnavailable, "the engine went away")
	case errors.Is(err, batching.ErrClosed), errors.Is(err, errShutdown):
		return newFault(shuttingDown, "carpool is shutting down")
	}
	return nil
}

// faultOfSize tells by how much a request is too large for the GPU's memory.
func faultOfSize(err error) *fault {
	size, _ := errors.AsType[batching.TooLargeError](err)
	return newFault(insufficientMemory, fmt.Sprintf("the prompt has %d tokens or more, and the GPU has memory for %d with nothing "+
		"beside it: shorten the prompt, or close other programs that use the GPU's memory", size.Need, size.Room))
}

// faultOfResolve maps the errors of Engines.Resolve and Preferred.
func faultOfResolve(err error) *fault {
	switch {
	case errors.Is(err, backends.ErrUnknownModel):
		return newFault(modelNotFound, plainText(err.Error()))
	case errors.Is(err, errShutdown):
		return newFault(shuttingDown, "carpool is shutting down")
	}
	f := newFault(backendUnavailable, plainText(err.Error()))
	if rest, ok := errors.AsType[*backends.Resting](err); ok {
		f.after = max(1, int(math.Ceil(time.Until(rest.Until).Seconds())))
	}
	return f
}

// faultOfTransport maps what a RoundTripper returns when there is no answer, or
// an answer's body when it breaks off.
func faultOfTransport(err error) *fault {
	if f := cmp.Or(faultOfAway(err), faultOfCancel(err)); f != nil {
		return f
	}
	var f *fault
	var timeout net.Error
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, errWedged):
		return newFault(backendTimeout, errWedged.Error())
	case errors.Is(err, errSilent), errors.Is(err, errStalled):
		return newFault(backendTimeout, "the engine did not answer in time: "+rootCause(err).Error())
	case errors.Is(err, errShutdown):
		return newFault(shuttingDown, "carpool is shutting down")
	case isDial(err) && !(errors.As(err, &timeout) && timeout.Timeout()):
		return newFault(backendUnavailable, "the engine cannot be reached; is it running?")
	case errors.As(err, &timeout) && timeout.Timeout():
		return &fault{kind: backendTimeout, message: "the engine did not answer in time", unheard: isDial(err)}
	case strings.Contains(err.Error(), "server response headers exceeded"):
		return newFault(backendBadResponse, "the engine answered with too many headers")
	case strings.Contains(err.Error(), "malformed"):
		return newFault(backendBadResponse, "the engine answered with something that is not HTTP")
	}
	return newFault(backendDisconnected, "the engine closed the connection before it had answered")
}

func rootCause(err error) error {
	for _, cause := range []error{errSilent, errStalled} {
		if errors.Is(err, cause) {
			return cause
		}
	}
	return err
}

func isDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// symptoms are texts by which engines tell what their status does not.
var symptoms = []struct {
	text string
	kind kind
}{
	{"out of memory", insufficientMemory},
	{"requires more system memory", insufficientMemory},
	{"model runner has unexpectedly stopped", insufficientMemory},
	{"unable to load full model on gpu", insufficientMemory},
	{"insufficient system resources", insufficientMemory}, // LM Studio's guardrails
	{"failed to allocate", insufficientMemory},            // llama.cpp
	{"exceed_context_size_error", contextLength},
	{"context length", contextLength},
	{"context size has been exceeded", contextLength}, // llama.cpp, when its pool is full
	{"context the overflows", contextLength},          // LM Studio, as it writes it
	{"context overflow", contextLength},
}

// kindOfEngine classifies an engine's own error by its text and status.
func kindOfEngine(status int, text string) kind {
	text = strings.ToLower(text)
	for _, s := range symptoms {
		if strings.Contains(text, s.text) {
			return s.kind
		}
	}
	switch {
	case status == http.StatusNotFound:
		return modelNotFound
	case status == http.StatusTooManyRequests:
		return rateLimited
	case status == http.StatusRequestEntityTooLarge:
		return requestTooLarge
	case status == http.StatusServiceUnavailable:
		return backendUnavailable
	case strings.Contains(text, "model has crashed"): // LM Studio
		return backendDisconnected
	case status >= 400 && status < 500:
		return invalidRequest
	}
	return backendError
}

// maxErrorText bounds what of an engine's own words is passed on in ours.
const maxErrorText = 2 << 10

// plainText caps s and strips control characters, and those that turn the direction
// of what follows: engines' words are shown to people, in terminals too.
func plainText(s string) string {
	if len(s) > maxErrorText {
		s = s[:maxErrorText]
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}
