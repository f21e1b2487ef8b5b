package config

import (
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// EngineItem is one item of engines.list.
type EngineItem struct {
	Name string
	Kind string // "" = any
	URL  string
}

// engineKinds are the kinds that an item may name.
var engineKinds = []string{"ollama", "lmstudio", "llamacpp", "koboldcpp", "openai"}

// Items are the engines of the list; of equal names the last counts.
func (e Engines) Items() []EngineItem {
	var all []EngineItem
	for _, item := range e.List {
		i, err := parseEngine(item)
		if err != nil {
			continue // Validate has told
		}
		all = append(slices.DeleteFunc(all, func(o EngineItem) bool { return o.Name == i.Name }), i)
	}
	return all
}

// ByName is the bearer token of each engine by name or kind; of several the last
// counts.
func (e Engines) ByName() map[string]string {
	keys := make(map[string]string, len(e.Keys))
	for _, item := range e.Keys {
		key, name := pair(item)
		keys[name] = key
	}
	return keys
}

// GroupOf is the GPU of each listed engine, by name or kind.
func (e Engines) GroupOf() map[string]string { return pairs(e.Groups) }

// Authorities are the system's and those of CAFile; nil = the system's alone.
func (e Engines) Authorities() (*x509.CertPool, error) {
	if e.CAFile == "" {
		return nil, nil
	}
	text, err := os.ReadFile(e.CAFile)
	if err != nil {
		return nil, fmt.Errorf("engines.ca_file: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("engines.ca_file: %s holds no certificate in PEM", e.CAFile)
	}
	return pool, nil
}

// parseEngine reads name=URL or name=kind URL. A name ends at the first "=".
func parseEngine(item string) (EngineItem, error) {
	name, rest, ok := strings.Cut(item, "=")
	if !ok || checkEngineName(name) != nil {
		return EngineItem{}, fmt.Errorf("%q is not name=URL or name=kind URL", withoutLogin(item))
	}
	i := EngineItem{Name: name}
	words := strings.Fields(rest)
	if len(words) == 2 {
		if i.Kind = words[0]; !slices.Contains(engineKinds, i.Kind) {
			return EngineItem{}, fmt.Errorf("%q: %q is not one of %s", withoutLogin(item), i.Kind, strings.Join(engineKinds, ", "))
		}
		words = words[1:]
	}
	if len(words) != 1 || words[0] == "demo" {
		return EngineItem{}, fmt.Errorf("%q is not name=URL or name=kind URL", withoutLogin(item))
	}
	i.URL = words[0]
	return i, checkEngine(i.URL)
}

func checkEngineItem(v string) error {
	_, err := parseEngine(v)
	return err
}

// checkEngineName accepts what can stand in a path and before a model's name.
func checkEngineName(v string) error {
	if v == "" || len(v) > 64 || strings.Trim(v, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != "" || strings.Trim(v, ".") == "" {
		return fmt.Errorf("%q is not an engine's name: letters, digits, - _ and . only", v)
	}
	if v == "demo" {
		return errors.New("demo is the name of the demo engine")
	}
	return nil
}

// checkEngineKey accepts a key and its engine. Its errors never quote a key.
func checkEngineKey(v string) error {
	key, name := pair(v)
	switch {
	case key == "" || checkEngineName(name) != nil:
		return errors.New("an item is not key=engine")
	case key == hidden:
		return fmt.Errorf("%s stands for a key that is not shown; give the key itself", hidden)
	}
	return nil
}

// checkKeysOf refuses keys of engines that cannot be: an item that was written the
// wrong way round would show its key. The error does not quote it.
func checkKeysOf(e Engines) error {
	for _, item := range e.Keys {
		_, name := pair(item)
		listed := slices.ContainsFunc(e.Items(), func(i EngineItem) bool { return i.Name == name })
		kind := slices.ContainsFunc(engineKinds, func(k string) bool { return name == k || strings.HasPrefix(name, k+"-") })
		if !listed && !kind {
			return errors.New("engines.keys: an item is key=engine, and its engine is neither in engines.list nor " + strings.Join(engineKinds, ", "))
		}
	}
	return nil
}

// checkAddresses refuses two engines at one address: only one would be watched.
func checkAddresses(e Engines) error {
	at := map[string]string{}
	for _, i := range e.Items() {
		if other, taken := at[i.URL]; taken {
			return fmt.Errorf("engines.list: %s and %s are at the same address", other, i.Name)
		}
		at[i.URL] = i.Name
	}
	return nil
}

func checkEngineGroup(v string) error {
	name, group := pair(v)
	if checkEngineName(name) != nil || group == "" {
		return fmt.Errorf("%q is not engine=GPU", v)
	}
	return nil
}

func checkAuthorities(v string) error {
	_, err := Engines{CAFile: v}.Authorities()
	return err
}
