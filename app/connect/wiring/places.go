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

// ownEngine are Continue's providers that use an engine of this computer where no
// address is said.
var ownEngine = map[string]string{"ollama": "", "lmstudio": "/v1/", "llama.cpp": ""}

// continueUnsaid names the address where Continue's models leave it out.
func continueUnsaid(d edit.Document, t Target) []edit.Add {
	var all []edit.Add
	for _, v := range d.Values() {
		entry := v.Path[:len(v.Path)-1]
		path, own := ownEngine[v.Text]
		isModel := len(entry) == 2 && entry[0] == "models" || len(entry) == 1 && (entry[0] == "tabAutocompleteModel" || entry[0] == "embeddingsProvider")
		if !own || !isModel || v.Path[len(v.Path)-1] != "provider" {
			continue
		}
		if _, said := d.Get(append(slices.Clone(entry), "apiBase")...); !said {
			all = append(all, edit.Add{Path: append(slices.Clone(entry), "apiBase"), Tree: t.Endpoint + path})
		}
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
