package wiring

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"

	"carpool/app/connect/edit"
)

// files are several names in one folder.
func files(dir string, names ...string) []string {
	var all []string
	for _, n := range names {
		all = append(all, filepath.Join(dir, n))
	}
	return all
}

// environment is a file of variables for all programs of a login, which only systemd
// reads.
func (c Computer) environment(name string) []string {
	if c.OS != "linux" {
		return nil
	}
	return []string{c.xdg("environment.d", name)}
}

// vaults are the settings of the Copilot plugin in Obsidian's vaults, the one that was
// opened last first.
func vaults(c Computer) []string {
	text, err := os.ReadFile(c.config("obsidian", "obsidian.json"))
	if err != nil {
		return nil
	}
	var list struct {
		Vaults map[string]struct {
			Path   string
			Opened int64 `json:"ts"`
		}
	}
	if json.Unmarshal(text, &list) != nil {
		return nil
	}
	ids := make([]string, 0, len(list.Vaults))
	for id := range list.Vaults {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int { return int(list.Vaults[b].Opened - list.Vaults[a].Opened) })
	var all []string
	for _, id := range ids {
		all = append(all, filepath.Join(list.Vaults[id].Path, ".obsidian", "plugins", "copilot", "data.json"))
	}
	return all
}

// cloudKey says that programs here use OpenAI's cloud: what is meant for it, the key
// with it, must not go to Carpool.
func cloudKey(c Computer) error {
	if k := c.Getenv("OPENAI_API_KEY"); k != "" && k != "carpool" {
		return errors.New("OPENAI_API_KEY is set: programs that use it for OpenAI's cloud would send it to Carpool instead; set OPENAI_BASE_URL for those programs alone that are to use Carpool")
	}
	return nil
}

// continueUsual are the engines of this computer that Continue has providers for, at each
// place where it keeps models.
func continueUsual(entries ...string) []implied {
	var all []implied
	for _, e := range entries {
		all = append(all, implied{e, "provider", "ollama", "apiBase", ""}, implied{e, "provider", "lmstudio", "apiBase", "/v1/"},
			implied{e, "provider", "llama.cpp", "apiBase", ""})
	}
	return all
}

// continueModel is a model of Carpool for a Continue that has none of this computer.
func continueModel(d edit.Document, t Target) ([]edit.Add, error) {
	if t.Model == "" {
		return nil, errNoModel
	}
	name := "name"
	if _, yaml := d.Get("schema"); !yaml {
		name = "title" // config.json
	}
	return []edit.Add{{Path: []string{"models", edit.Item}, Tree: edit.Pairs{
		{Key: name, Tree: "Carpool"},
		{Key: "provider", Tree: "ollama"},
		{Key: "model", Tree: t.Model},
		{Key: "apiBase", Tree: t.Endpoint},
	}}}, nil
}
