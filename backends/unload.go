package backends

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// ErrCannotUnload says that the engine keeps its model. Its text says why.
var ErrCannotUnload = errors.New("the model cannot be unloaded")

// unloadTimeout bounds an Unload.
const unloadTimeout = 10 * time.Second

// Unload has an engine give the memory of a model back: at once where no request is
// in it, else the engine decides, so the caller sees to it that none is. A model
// that is not loaded is no error. It takes 10 s at most, and the engine is looked at
// again after it. It fails with ErrNoEngine, ErrUnknownModel or ErrCannotUnload, or
// with what the engine says.
func (r *Registry) Unload(ctx context.Context, engine, model string) error {
	ctx, cancel := context.WithTimeout(ctx, unloadTimeout)
	defer cancel()
	t, err := r.Target(engine)
	if err != nil {
		return err
	}
	own, ok := t.find(model)
	if !ok {
		return fmt.Errorf("model '%s' of %s: %w", model, engine, ErrUnknownModel)
	}
	unload := cannotUnload
	for _, m := range r.makers {
		if m.kind == t.Kind && m.unload != nil {
			unload = m.unload
		}
	}
	client := &http.Client{Transport: t.Transport, CheckRedirect: refuseRedirect}
	if err := unload(ctx, client, t.Base, own); err != nil {
		return fmt.Errorf("unload %s of %s: %w", own, t.Label, err)
	}
	r.Trouble(engine, nil) // its list is out of date
	return nil
}

func cannotUnload(context.Context, *http.Client, *url.URL, string) error {
	return fmt.Errorf("%w: this engine keeps its models until it ends", ErrCannotUnload)
}

// sendJSON sends v and reads the answer whole.
func sendJSON(ctx context.Context, c *http.Client, u *url.URL, v any) (page, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return page{}, err
	}
	return send(ctx, c, http.MethodPost, u, string(body))
}

// refusal is what an engine says that refuses; nil = it agrees.
func (p page) refusal() error {
	switch {
	case p.status == http.StatusUnauthorized, p.status == http.StatusForbidden:
		return errors.New(wantsKey)
	case p.status < 200 || p.status > 299:
		return fmt.Errorf("status %d: %.200s", p.status, p.body)
	}
	return nil
}
