package cli

import (
	"errors"
	"fmt"
	"path/filepath"

	"carpool/app"
	"carpool/app/connect/wiring"
)

// rewired is what became of an app's settings, for --json.
type rewired struct {
	App     string `json:"app"`
	File    string `json:"file,omitempty"`
	Diff    string `json:"diff"`
	Changed bool   `json:"changed"`
	Then    string `json:"then,omitempty"` // what to do now
}

// rewire points an app at Carpool, or back.
func (c *cli) rewire(w *wiring.Wiring, a wiring.App, guides []app.ConnectGuide, f connectFlags) error {
	change, err := plannedChange(w, a, f)
	switch {
	case errors.Is(err, wiring.ErrConnected):
		if f.json {
			return c.printJSON(rewired{App: a.Name})
		}
		return c.print(a.Name + " already points at Carpool.\n")
	case errors.Is(err, wiring.ErrAbsent) && !f.yes && !f.json:
		c.note("%v", failed(a, err))
		return c.byHand(guides, a)
	case err != nil && !f.revert && !f.json:
		return errors.Join(c.byHand(guides, a), failed(a, err))
	case err != nil:
		return failed(a, err)
	}
	diff := change.Diff()
	if !f.json {
		if err := c.print(diff); err != nil {
			return err
		}
		if change.Others {
			c.note("the file was changed since Carpool had changed it; only Carpool's own change is taken back")
		}
		if a.Before != "" {
			c.note("%s", a.Before)
		}
	}
	if f.dryRun {
		if f.json {
			return c.printJSON(rewired{App: a.Name, File: change.File, Diff: diff})
		}
		c.note("nothing was changed")
		return nil
	}
	if err := c.consent("Change "+change.File+"?", f.yes); err != nil {
		return err
	}
	if err := change.Apply(); err != nil {
		return failed(a, err)
	}
	if f.json {
		return c.printJSON(rewired{App: a.Name, File: change.File, Diff: diff, Changed: true, Then: a.After})
	}
	text := fmt.Sprintf("Changed %s. %s\n", change.File, a.After)
	if change.Removes() {
		text = fmt.Sprintf("Removed %s, which Carpool had made.\n", change.File)
	}
	if !f.revert {
		text += fmt.Sprintf("To take it back: carpool connect --revert %s\n", a.ID)
	}
	return c.print(text)
}

func plannedChange(w *wiring.Wiring, a wiring.App, f connectFlags) (wiring.Change, error) {
	if f.revert {
		return w.Revert(a)
	}
	file := f.file
	if file != "" {
		var err error
		if file, err = filepath.Abs(file); err != nil {
			return wiring.Change{}, err
		}
	}
	return w.Connect(a, file)
}

// byHand shows the steps for an app whose settings are not changed.
func (c *cli) byHand(guides []app.ConnectGuide, a wiring.App) error {
	found, err := guidesOf(guides, a.Name)
	if err != nil {
		return nil //nolint:nilerr // a Carpool of another version may have no guide for it
	}
	return c.print(connectText(found[0]))
}

func failed(a wiring.App, err error) error {
	switch {
	case errors.Is(err, wiring.ErrAbsent) && a.NoPlace():
		return fmt.Errorf("%s: name its settings file with --file, or follow the steps", a.Name)
	case errors.Is(err, wiring.ErrAbsent):
		return fmt.Errorf("%s: %w; name its file with --file, or follow the steps", a.Name, err)
	}
	return fmt.Errorf("%s: %w", a.Name, err)
}
