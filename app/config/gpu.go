package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// deviceID is how drivers write the UUID of a GPU, or of a part of one.
var deviceID = regexp.MustCompile(`^(GPU-|MIG-|amdgpu-)?[0-9A-Za-z:./-]{1,80}$`)

// checkDevice accepts nothing, a number from 0, or a UUID.
func checkDevice(v string) error {
	if v == "" {
		return nil
	}
	if n, err := strconv.Atoi(v); err == nil && n >= 0 && n < 64 {
		return nil
	} else if err == nil || !deviceID.MatchString(v) {
		return fmt.Errorf("%q is neither the number of a GPU, from 0, nor a UUID, as `carpool gpu` lists them", v)
	}
	return nil
}

// checkPrice accepts nothing, or what PerKWh can read.
func checkPrice(v string) error {
	if _, _, ok := (Energy{Price: v}).PerKWh(); v != "" && !ok {
		return fmt.Errorf("%q is not a price of a kilowatt-hour, such as 0.35 EUR", v)
	}
	return nil
}

// PerKWh is the price of a kilowatt-hour and its currency, false if none is set.
func (e Energy) PerKWh() (price float64, currency string, ok bool) {
	amount, currency, _ := strings.Cut(strings.TrimSpace(e.Price), " ")
	currency = strings.TrimSpace(currency)
	price, err := strconv.ParseFloat(amount, 64)
	if err != nil || !(price >= 0 && price <= 1e6) || currency == "" || len(currency) > 8 || strings.ContainsAny(currency, "\"',0123456789") {
		return 0, "", false
	}
	return price, currency, true
}
