package cli

import (
	"net/netip"
	"strings"
	"testing"

	"carpool/app"
)

func TestLANText(t *testing.T) {
	own := []netip.Addr{netip.MustParseAddr("192.168.1.7"), netip.MustParseAddr("172.17.0.1"), netip.MustParseAddr("2001:db8::7")}
	for _, tt := range []struct {
		name string
		lan  app.LAN
		want []string
		not  string
	}{
		{"closed", app.LAN{}, []string{"only programs of this computer", "carpool lan on"}, "http://"},
		{"all addresses", app.LAN{Address: "0.0.0.0:11436", Listening: true}, []string{"http://192.168.1.7:11436", "http://172.17.0.1:11436"}, "0.0.0.0"},
		{"all of IPv6", app.LAN{Address: "[::]:11436", Listening: true}, []string{"http://[2001:db8::7]:11436"}, "192."},
		{"one address", app.LAN{Address: "172.17.0.1:11435", Listening: true}, []string{"http://172.17.0.1:11435"}, "192."},
		{"not open", app.LAN{Address: "172.17.0.1:11435", Problem: "taken by Ollama 0.17.4"}, []string{"Not open: taken by Ollama 0.17.4."}, "http://"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := lanText(tt.lan, own)
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("%q is missing in %s", want, got)
				}
			}
			if strings.Contains(got, tt.not) {
				t.Errorf("%q is in %s", tt.not, got)
			}
		})
	}
}

func TestLANStandsBesideTheLocalPort(t *testing.T) {
	for endpoint, want := range map[string]string{"http://127.0.0.1:11435": "0.0.0.0:11436", "http://127.0.0.1:65535": "0.0.0.0:1"} {
		if got := besides(endpoint); got != want {
			t.Errorf("beside %s: %s", endpoint, got)
		}
	}
}

func TestStatusSaysWhereCarpoolListens(t *testing.T) {
	s := busy()
	s.Listen = []string{"127.0.0.1:11435"}
	s.LAN = app.LAN{Address: "0.0.0.0:11436", Listening: true}
	for _, want := range []string{"127.0.0.1 alone: this computer has no IPv6", "open at 0.0.0.0:11436"} {
		if got := statusText(s); !strings.Contains(got, want) {
			t.Errorf("%q is missing in %s", want, got)
		}
	}
}
