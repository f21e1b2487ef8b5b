package config

import (
	"strconv"
	"strings"
)

// ByKey is the app that each listed API key names.
func (a Apps) ByKey() map[string]string { return pairs(a.Keys) }

// PriorityOf is the priority of each listed app: urgent, normal or background.
func (a Apps) PriorityOf() map[string]string { return pairs(a.Priorities) }

// WeightOf is the weight of each listed app, 0.1 to 10; of all others it is 1.
func (a Apps) WeightOf() map[string]float64 {
	weights := make(map[string]float64, len(a.Weights))
	for app, text := range pairs(a.Weights) {
		if w, err := strconv.ParseFloat(text, 64); err == nil {
			weights[app] = w
		}
	}
	return weights
}

// hidden stands for a secret that is not shown. As a key it is refused, so that
// what was shown is never saved.
const hidden = "***"

// Masked returns c as it may be shown and handed around: without secrets. It is
// not to be saved.
func (c Config) Masked() Config {
	for _, e := range table {
		if items, ok := e.field(&c).(*[]string); ok && e.Secret {
			shown := make([]string, len(*items))
			for i, item := range *items {
				shown[i] = e.shown(item)
			}
			*items = shown
		}
	}
	return c
}

// shown is an item of a list, without its secret.
func (e entry) shown(item string) string {
	if !e.Secret {
		return item
	}
	_, value := pair(item)
	return hidden + "=" + value
}

// pairs reads items of the form name=value; of equal names the last counts.
func pairs(items []string) map[string]string {
	all := make(map[string]string, len(items))
	for _, item := range items {
		name, value := pair(item)
		all[name] = value
	}
	return all
}

// pair cuts at the last "=", since an API key may end with some.
func pair(item string) (name, value string) {
	i := strings.LastIndexByte(item, '=')
	if i < 0 {
		return "", ""
	}
	return item[:i], item[i+1:]
}
