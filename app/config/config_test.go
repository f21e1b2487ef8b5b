package config

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDefault(t *testing.T) {
	c := Default()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, s := range Settings() {
		if got, err := c.Get(s.Key); err != nil || got != s.Default {
			t.Errorf("%s is %q (%v), its default says %q", s.Key, got, err, s.Default)
		}
		if s.Help == "" || s.Range == "" {
			t.Errorf("%s has no help or no range", s.Key)
		}
	}
	if c.Gateway.Listen != "127.0.0.1:11435" || c.Batching.MaxBatchSize != 8 || c.Batching.MaxBatchWaitMS != 50 ||
		!c.Batching.Enabled || c.Batching.Mode != "adaptive" || c.Adaptive.Max != 32 || c.Queue.MaxWaiting != 512 {
		t.Errorf("unexpected defaults: %+v", c)
	}
}

func TestSettings(t *testing.T) {
	t.Run("EveryFieldHasOneKey", func(t *testing.T) {
		c := Default()
		fields := map[any]string{}
		for _, e := range table {
			p := e.field(&c)
			if other, twice := fields[p]; twice {
				t.Errorf("%s and %s are the same field", e.Key, other)
			}
			fields[p] = e.Key
		}
		all := 0
		for _, section := range reflect.ValueOf(c).Fields() {
			if section.Kind() == reflect.Struct {
				all += section.NumField()
			}
		}
		if len(fields) != all {
			t.Errorf("%d keys, Config has %d fields", len(fields), all)
		}
	})
	t.Run("TheCopyIsTheCallers", func(t *testing.T) {
		for _, s := range Settings() {
			if s.Key == "batching.mode" {
				s.Values[0] = "changed"
			}
		}
		if s, _ := Lookup("batching.mode"); s.Values[0] != "adaptive" {
			t.Error("Settings hands out the table itself")
		}
	})
}

func TestWith(t *testing.T) {
	for _, tc := range []struct{ key, value, want string }{
		{"batching.max_batch_size", "16", "16"},
		{"max_batch_size", "8192", "8192"},
		{"max_batch_wait_ms", "0", "0"},
		{"enable_batching", "off", "false"},
		{"batching.enabled", "ON", "true"},
		{"batching.mode", " static ", "static"},
		{"gateway.listen", "[::1]:0", "[::1]:0"},
		{"gateway.listen", "localhost:8080", "localhost:8080"},
		{"gateway.allowed_hosts", "a.home, b.home:8080,", "a.home, b.home:8080"},
		{"gateway.allowed_hosts", "", ""},
		{"gateway.allowed_origins", "https://chat.example,chrome-extension://abc", "https://chat.example, chrome-extension://abc"},
		{"engine.url", "demo", "demo"},
		{"engine.url", "http://127.0.0.1:11434", "http://127.0.0.1:11434"},
		{"engine.url", "", ""},
	} {
		c, err := Default().With(tc.key, tc.value)
		if err != nil {
			t.Errorf("%s=%s: %v", tc.key, tc.value, err)
			continue
		}
		if got, _ := c.Get(tc.key); got != tc.want {
			t.Errorf("%s=%s: got %q, want %q", tc.key, tc.value, got, tc.want)
		}
		if again, err := c.With(tc.key, tc.want); err != nil || !again.Equal(c) {
			t.Errorf("%s: what Get returns does not go back in: %v", tc.key, err)
		}
	}
}

func TestWithRefuses(t *testing.T) {
	for _, tc := range []struct{ key, value, says string }{
		{"batching.max_batch_size", "0", "batching.max_batch_size: 0 is out of range (1–8192 requests)"},
		{"max_batch_wait_ms", "5001", "batching.max_batch_wait_ms: 5001 is out of range (0–5000 ms)"},
		{"adaptive.max", "many", "not a whole number"},
		{"adaptive.max", "99999999999999999999", "not a whole number"},
		{"batching.enabled", "perhaps", "neither true nor false"},
		{"batching.mode", "fast", `"fast" is none of adaptive, fixed, static`},
		{"batching.max_batch", "3", "did you mean batching.max_batch_size?"},
		{"max_batchsize", "3", "did you mean batching.max_batch_size?"},
		{"colour", "red", `unknown setting "colour"`},
		{"gateway.listen", "0.0.0.0:11435", "open Carpool to the network"},
		{"gateway.listen", ":11435", "open Carpool to the network"},
		{"gateway.listen", "192.168.1.4:11435", "gateway.lan"},
		{"gateway.listen", "127.0.0.1", "not an address with a port"},
		{"gateway.listen", "127.0.0.1:65536", "port must be"},
		{"gateway.listen", "127.0.0.1:http", "port must be"},
		{"gateway.allowed_hosts", "http://a", "not a host name"},
		{"gateway.allowed_hosts", "*", "not a host name"},
		{"gateway.allowed_origins", "null", "not an origin"},
		{"gateway.allowed_origins", "https://a/b", "not an origin"},
		{"engine.url", "127.0.0.1:11434", "not the address of an engine"},
		{"engine.url", "ftp://a", "not the address of an engine"},
		{"engine.url", "http://user:secret@host", "no user, password"},
		{"engine.url", "http://localhost:11435", "Carpool's own address"},
		{"engine.url", "http://a\xff", ""},
	} {
		c, err := Default().With(tc.key, tc.value)
		if err == nil {
			t.Errorf("%s=%s is accepted", tc.key, tc.value)
			continue
		}
		if !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s=%s: %q does not say %q", tc.key, tc.value, err, tc.says)
		}
		if !c.Equal(Default()) {
			t.Errorf("%s=%s changed the settings", tc.key, tc.value)
		}
	}
	if _, err := Default().Get("nothing"); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("got %v", err)
	}
}

func TestValidate(t *testing.T) {
	c := Default()
	c.Batching.MaxBatchSize, c.Adaptive.Max = 0, 9000
	err := c.Validate()
	want := "batching.max_batch_size: 0 is out of range (1–8192 requests)\nadaptive.max: 9000 is out of range (1–8192 requests)"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestLAN(t *testing.T) {
	for value, ok := range map[string]bool{
		"": true, "0.0.0.0:11436": true, "192.168.1.7:11435": true, "172.17.0.1:11435": true, "[fd00::7]:11435": true, "[::]:11436": true, "127.0.0.2:1": true,
		"0.0.0.0:11435": false, "[::]:11435": false, // gateway.listen has it
		"127.0.0.1:11436": false, "[::1]:11436": false, "localhost:11436": false, "gpu.lan:11436": false, "0.0.0.0": false, ":11436": false,
		"192.168.1.7:0": false, "192.168.1.7:65536": false, "[fe80::1%eth0]:1": false, "[::ffff:127.0.0.1]:1": false, "224.0.0.1:1": false, "10.0.0.1:01": false,
	} {
		if _, err := Default().With("gateway.lan", value); (err == nil) != ok {
			t.Errorf("%q: %v", value, err)
		}
	}
	c, err := Default().With("gateway.lan", "192.168.1.7:11435")
	if err == nil {
		_, err = c.With("engine.url", "http://192.168.1.7:11435")
	}
	if err == nil || !strings.Contains(err.Error(), "own address") {
		t.Errorf("an engine that is Carpool itself: %v", err)
	}
	for _, lan := range []string{"0.0.0.0:11436", "[::]:11436"} {
		c, err := Default().With("gateway.lan", lan)
		if err != nil {
			t.Fatal(err)
		}
		for url, ok := range map[string]bool{
			"http://127.0.0.1:11436": false, "http://localhost:11436": false, "http://[::1]:11436": false, "http://0.0.0.0:11436": false, "http://[::]:11436": false,
			"http://127.0.0.1:11437": true, "http://192.168.1.9:11436": true,
		} {
			_, err := c.With("engine.url", url)
			if (err == nil) != ok || err != nil && !strings.Contains(err.Error(), "gateway.lan") {
				t.Errorf("the engine %s while gateway.lan is %s: %v", url, lan, err)
			}
		}
	}
}
