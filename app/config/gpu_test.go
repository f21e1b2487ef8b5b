package config

import "testing"

func TestDevice(t *testing.T) {
	for v, ok := range map[string]bool{
		"": true, "0": true, "7": true, "63": true, "64": false, "-1": false, "first one": false,
		"GPU-5f1b2c3d-0000-1111-2222-333344445555": true, "amdgpu-0000:03:00.0": true,
	} {
		if _, err := Default().With("gpu.device", v); (err == nil) != ok {
			t.Errorf("%q: %v", v, err)
		}
	}
}

func TestPrice(t *testing.T) {
	for v, want := range map[string]struct {
		price    float64
		currency string
		ok       bool
	}{
		"": {}, "0.35 EUR": {.35, "EUR", true}, "12 ¢": {12, "¢", true}, "0 €": {0, "€", true},
		"0.35": {}, "EUR 0.35": {}, "-1 EUR": {}, "NaN EUR": {}, "1 EUR2": {},
	} {
		c, err := Default().With("energy.price", v)
		if (err == nil) != (want.ok || v == "") {
			t.Errorf("%q: %v", v, err)
		}
		if price, currency, ok := c.Energy.PerKWh(); price != want.price || currency != want.currency || ok != want.ok {
			t.Errorf("%q: %v %q %v", v, price, currency, ok)
		}
	}
}
