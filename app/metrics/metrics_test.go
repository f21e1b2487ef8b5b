package metrics_test

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"carpool/app/metrics"
)

func ptr[T any](v T) *T { return &v }

// full is a state in which every part has something to tell.
func full() metrics.State {
	return metrics.State{
		Engines: []metrics.Engine{{Name: "ollama", Kind: "ollama", Up: true}, {Name: "llamacpp", Kind: "llamacpp"}},
		Models: []metrics.Model{
			{Engine: "ollama", Name: "tiny:latest", Limit: 4, Slots: 4, TokenBudget: 16384, Waiting: 9, InFlight: 3},
			{Engine: "ollama", Name: "free"},
		},
		GPUs: []metrics.GPU{
			{Device: "RTX 4090", UUID: "GPU-a", MemoryUsed: ptr(uint64(6 << 30)), MemoryFree: ptr(uint64(17 << 30)), MemoryTotal: ptr(uint64(24 << 30)),
				MemoryOurs: ptr(uint64(4 << 30)), MemoryOthers: ptr(uint64(2 << 30)), Utilization: ptr(0.45), Power: ptr(120.5), Energy: ptr(98765.0), Temperature: ptr(61.0)},
			{Device: "RTX 4090", Index: 1, Power: ptr(20.0)}, // the same name twice
		},
		Embeddings: metrics.Embeddings{Calls: 64, EngineCalls: 3, CacheHits: 5, CacheMisses: 7, CacheBytes: 4096},
		Superseded: 2, Shared: 1, Moved: 2, Yielding: true,
		Connections: metrics.Connections{Open: 12, Most: 16384, Waits: 4}, Bodies: 2048,
	}
}

func request() metrics.Request {
	return metrics.Request{App: "editor", Engine: "ollama", Model: "tiny", Outcome: "ok", Released: true, PromptTokens: 100, OutputTokens: 40,
		Queued: 20 * time.Millisecond, FirstToken: 300 * time.Millisecond, Total: 2 * time.Second}
}

func busy() *metrics.Metrics {
	m := metrics.New(metrics.Options{Version: "1.2.3", State: full})
	m.Request(request())
	m.Batch(metrics.Batch{Engine: "ollama", Model: "tiny", Size: 3, Running: 5})
	m.Loaded("ollama", "tiny:latest")
	m.Reloaded("ollama", "tiny:latest", "num_ctx")
	m.Decided("limit")
	m.Spent("ollama", "tiny:latest", 12.5)
	return m
}

// scrape reads m as Prometheus does.
func scrape(t *testing.T, m http.Handler) (families map[string]*dto.MetricFamily, text string) {
	t.Helper()
	answer := httptest.NewRecorder()
	m.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if answer.Code != http.StatusOK {
		t.Fatalf("status %d: %s", answer.Code, answer.Body)
	}
	text = answer.Body.String()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return families, text
}

// value is that of the series with these labels, "name=value"; NaN = there is none.
func value(families map[string]*dto.MetricFamily, name string, labels ...string) float64 {
	for _, m := range families[name].GetMetric() {
		var has []string
		for _, l := range m.GetLabel() {
			has = append(has, l.GetName()+"="+l.GetValue())
		}
		if strings.Join(has, " ") != strings.Join(labels, " ") {
			continue
		}
		switch {
		case m.Gauge != nil:
			return m.Gauge.GetValue()
		case m.Histogram != nil:
			return m.Histogram.GetSampleSum()
		}
		return m.Counter.GetValue()
	}
	return math.NaN()
}

func TestMetrics(t *testing.T) {
	t.Run("TellsAll", func(t *testing.T) {
		families, text := scrape(t, busy())
		at := []string{"engine=ollama", "model=tiny"}
		gpu := []string{"device=RTX 4090", "index=0"}
		for kind, want := range map[string]float64{"used": 6, "free": 17, "total": 24, "ours": 4, "others": 2} {
			if got := value(families, "carpool_gpu_memory_bytes", gpu[0], gpu[1], "kind="+kind, "uuid=GPU-a"); got != want*(1<<30) {
				t.Errorf("%s memory is %v", kind, got)
			}
		}
		for name, c := range map[string]struct {
			labels []string
			want   float64
		}{
			"carpool_requests_total":               {[]string{"app=editor", "engine=ollama", "model=tiny", "outcome=ok"}, 1},
			"carpool_tokens_total":                 {[]string{"direction=output", "engine=ollama", "model=tiny"}, 40},
			"carpool_queue_wait_seconds":           {at, 0.02},
			"carpool_time_to_first_token_seconds":  {at, 0.3},
			"carpool_request_duration_seconds":     {at, 2},
			"carpool_batch_size":                   {at, 3},
			"carpool_batch_concurrency":            {at, 5},
			"carpool_model_loads_total":            {at, 1},
			"carpool_model_reloads_total":          {[]string{"cause=num_ctx", "engine=ollama", "model=tiny"}, 1},
			"carpool_energy_joules_total":          {at, 12.5},
			"carpool_limit":                        {at, 4},
			"carpool_slots":                        {at, 4},
			"carpool_token_budget":                 {at, 16384},
			"carpool_queue_depth":                  {at, 9},
			"carpool_in_flight":                    {at, 3},
			"carpool_decisions_total":              {[]string{"kind=limit"}, 1},
			"carpool_embedding_merged_calls_total": {nil, 64},
			"carpool_embedding_merges_total":       {nil, 3},
			"carpool_embedding_cache_hits_total":   {nil, 5},
			"carpool_embedding_cache_misses_total": {nil, 7},
			"carpool_embedding_cache_bytes":        {nil, 4096},
			"carpool_superseded_total":             {nil, 2},
			"carpool_shared_total":                 {nil, 1},
			"carpool_moved_total":                  {nil, 2},
			"carpool_yielding":                     {nil, 1},
			"carpool_connections":                  {nil, 12},
			"carpool_connections_limit":            {nil, 16384},
			"carpool_connection_waits_total":       {nil, 4},
			"carpool_body_bytes":                   {nil, 2048},
			"carpool_gpu_memory_bytes":             {append(gpu, "kind=others", "uuid=GPU-a"), 2 << 30},
			"carpool_gpu_utilization_ratio":        {append(gpu, "uuid=GPU-a"), 0.45},
			"carpool_gpu_power_watts":              {[]string{"device=RTX 4090", "index=1", "uuid=unknown"}, 20},
			"carpool_gpu_energy_joules_total":      {append(gpu, "uuid=GPU-a"), 98765},
			"carpool_gpu_temperature_celsius":      {append(gpu, "uuid=GPU-a"), 61},
			"carpool_engine_up":                    {[]string{"engine=llamacpp", "kind=llamacpp"}, 0},
			"carpool_build_info":                   {[]string{"version=1.2.3"}, 1},
		} {
			if got := value(families, name, c.labels...); got != c.want {
				t.Errorf("%s%v = %v, want %v", name, c.labels, got, c.want)
			}
			delete(families, name)
		}
		for name := range families {
			// Of the program itself Prometheus' own collectors tell.
			if strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") {
				delete(families, name)
			}
		}
		if len(families) > 0 {
			t.Errorf("not looked at: %v in\n%s", families, text)
		}
	})

	t.Run("TellsWhatTheProgramTakes", func(t *testing.T) {
		runtime.GC() // until the first one nothing is known to live
		families, _ := scrape(t, busy())
		for _, name := range []string{"go_goroutines", "go_gc_heap_live_bytes", "process_start_time_seconds"} {
			if got := value(families, name); !(got > 0) {
				t.Errorf("%s is %v", name, got)
			}
		}
	})

	t.Run("LeavesOutWhatIsNotKnown", func(t *testing.T) {
		families, text := scrape(t, busy())
		free := []string{"engine=ollama", "model=free"}
		if got := value(families, "carpool_limit", free...); !math.IsInf(got, 1) {
			t.Errorf("no bound is %v", got)
		}
		for _, name := range []string{"carpool_slots", "carpool_token_budget"} {
			if got := value(families, name, free...); !math.IsNaN(got) {
				t.Errorf("%s is %v", name, got)
			}
		}
		if strings.Contains(text, "promhttp_") {
			t.Error("the global registry is told")
		}
	})

	t.Run("CountsNoTimesOfARequestThatNeverRan", func(t *testing.T) {
		m := metrics.New(metrics.Options{State: full})
		m.Request(metrics.Request{App: "bot", Outcome: "rejected", PromptTokens: -1, OutputTokens: -1, Total: time.Second})
		families, _ := scrape(t, m)
		for _, name := range []string{"carpool_queue_wait_seconds", "carpool_time_to_first_token_seconds", "carpool_tokens_total"} {
			if families[name] != nil {
				t.Errorf("%s: %v", name, families[name])
			}
		}
		if got := value(families, "carpool_requests_total", "app=bot", "engine=unknown", "model=unknown", "outcome=rejected"); got != 1 {
			t.Errorf("counted %v", got)
		}
	})

	t.Run("FollowsTheConventions", func(t *testing.T) {
		_, text := scrape(t, busy())
		problems, err := promlint.New(strings.NewReader(text)).Lint()
		if err != nil || len(problems) > 0 {
			t.Errorf("%v, %v", problems, err)
		}
	})

	t.Run("BoundsWhatClientsCanName", func(t *testing.T) {
		m := metrics.New(metrics.Options{State: func() (s metrics.State) {
			for i := range 150 {
				s.Models = append(s.Models, metrics.Model{Engine: "ollama", Name: fmt.Sprint("m", i), Limit: 3, Waiting: 1})
			}
			return s
		}})
		hostile := []string{"\xff\xfe", "a\"b\nc", strings.Repeat("x", 500), strings.Repeat("ü", 100)}
		for i := range 1000 {
			r := request()
			r.App, r.Model = fmt.Sprint("app", i), fmt.Sprint("m", i)
			if i < len(hostile) {
				r.App, r.Model = hostile[i], hostile[i]
			}
			m.Request(r)
		}
		families, text := scrape(t, m)
		if n := len(families["carpool_requests_total"].GetMetric()); n > 101 {
			t.Errorf("%d series", n)
		}
		if got := value(families, "carpool_requests_total", "app=other", "engine=ollama", "model=other", "outcome=ok"); got != 900 {
			t.Errorf("%v counted as other", got)
		}
		// Four of the hundred names are the hostile ones.
		if got := value(families, "carpool_queue_depth", "engine=ollama", "model=other"); got != 150-96 {
			t.Errorf("%v wait for others", got)
		}
		if got := value(families, "carpool_limit", "engine=ollama", "model=other"); !math.IsNaN(got) {
			t.Errorf("others have the limit %v", got)
		}
		if strings.Contains(text, strings.Repeat("x", 121)) {
			t.Error("a long name is told in full")
		}
	})

	t.Run("AnswersInTheFormatAskedFor", func(t *testing.T) {
		for accept, want := range map[string]string{
			"":                             "text/plain; version=0.0.4",
			"application/openmetrics-text": "text/plain; version=0.0.4",
			"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited": "application/vnd.google.protobuf",
		} {
			r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
			r.Header.Set("Accept", accept)
			answer := httptest.NewRecorder()
			busy().ServeHTTP(answer, r)
			if got := answer.Header().Get("Content-Type"); !strings.HasPrefix(got, want) || answer.Body.Len() == 0 {
				t.Errorf("%q: %s", accept, got)
			}
		}
	})

	t.Run("MayBeReadAndWrittenAtOnce", func(t *testing.T) {
		m := busy()
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				for range 50 {
					m.Request(request())
					m.Batch(metrics.Batch{Engine: "ollama", Model: "tiny", Size: 1, Running: 1})
				}
			})
			all.Go(func() {
				for range 10 {
					answer := httptest.NewRecorder()
					m.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
					if _, err := io.Copy(&bytes.Buffer{}, answer.Body); err != nil || answer.Code != http.StatusOK {
						t.Errorf("status %d, %v", answer.Code, err)
					}
				}
			})
		}
		all.Wait()
	})
}
