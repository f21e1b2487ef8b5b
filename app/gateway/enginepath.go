package gateway

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"carpool/backends"
)

// enginePath takes "/engine/<name>/…" apart: an engine's own path, and the name of
// the engine. Any other path is the rest itself.
func enginePath(path string) (name, rest string, ok bool) {
	after, ok := strings.CutPrefix(path, "/engine/")
	if !ok {
		return "", path, false
	}
	name, rest, _ = strings.Cut(after, "/")
	return name, "/" + rest, true
}

// escapedRest is the rest of an engine's path as it was written. False where
// somebody else could take another part of it for the name.
func escapedRest(u *url.URL) (rest string, ok bool) {
	name, _, _ := enginePath(u.Path)
	after, ok := strings.CutPrefix(u.EscapedPath(), "/engine/")
	first, rest, _ := strings.Cut(after, "/")
	written, err := url.PathUnescape(first)
	return "/" + rest, ok && err == nil && written == name
}

// pin binds a call to the engine that its path names. From there on it is a call
// for the rest of the path.
func (c *call) pin() *fault {
	name, rest, ok := enginePath(c.in.URL.Path)
	if !ok {
		return nil
	}
	var names []string
	for _, e := range c.engines.Snapshot() {
		names = append(names, e.Name)
	}
	if !slices.Contains(names, name) {
		return newFault(notFound, fmt.Sprintf("no engine is called '%s', there is %s", plainText(name), listed(names)))
	}
	u := *c.in.URL
	u.RawPath, _ = escapedRest(c.in.URL) // checkPath has read it without fault
	u.Path = rest
	c.in = c.in.WithContext(c.in.Context()) // a copy
	c.in.URL = &u
	c.pinned, c.prefix = name, "/engine/"+url.PathEscape(name)
	return nil
}

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// known are the engines that the call may be about: all, or the one that it is
// bound to. The preferred one is the first.
func (c *call) known() []backends.Info {
	var all []backends.Info
	for _, e := range c.engines.Snapshot() {
		if c.pinned == "" || e.Name == c.pinned {
			all = append(all, e)
		}
	}
	return all
}

// preferred is the engine for a call that names no model.
func (c *call) preferred() (backends.Target, error) {
	if c.pinned != "" {
		return c.engines.Target(c.pinned)
	}
	return c.engines.Preferred()
}

// resolvePinned is resolve for a call that is bound to an engine. What that engine
// does not have it is only asked for if it then says so: LM Studio might answer
// with another model.
func (c *call) resolvePinned(find finder) (backends.Target, error) {
	t, err := c.engines.Target(c.pinned)
	model := c.sketch.model
	if err != nil {
		return t, err
	}
	switch name, ok := nameIn(t.Info, model); {
	case ok:
		t.Model = name
		return t, nil
	case t.AnswersAnyName():
		t.Model = t.Models[0].Name
		return t, nil
	case passesUnknown(t.Kind), model == "":
		t.Model = model
		return t, nil
	}
	// The registry reads an old list again before it gives up a name.
	t, err = find(c.ctx, c.pinned+"/"+model)
	if err != nil || t.Name != c.pinned {
		return backends.Target{}, fmt.Errorf("model '%s' not found: %w", model, backends.ErrUnknownModel)
	}
	return t, nil
}

// nameIn is an engine's own name of a model: the same, or the same with ":latest".
func nameIn(e backends.Info, model string) (name string, ok bool) {
	for _, m := range e.Models {
		if m.Name == model || m.Name == model+":latest" {
			return m.Name, true
		}
	}
	return "", false
}
