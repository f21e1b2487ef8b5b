package backends

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxProbe bounds an answer to a probe, in bytes: chat templates can be long.
const maxProbe = 4 << 20

// fetch asks for a page of an engine. It fails with unexpected where the status is
// not 200.
func fetch(ctx context.Context, c *http.Client, u *url.URL) ([]byte, error) {
	resp, err := send(ctx, c, http.MethodGet, u, "")
	if err != nil {
		return nil, err
	}
	switch {
	case resp.status == http.StatusUnauthorized, resp.status == http.StatusForbidden:
		return nil, &unexpected{what: wantsKey, key: true}
	case resp.status != http.StatusOK:
		return nil, &unexpected{what: fmt.Sprintf("with status %d", resp.status),
			loading: resp.status == http.StatusServiceUnavailable && strings.Contains(string(resp.body), "Loading model")}
	}
	return resp.body, nil
}

// getJSON asks for a page and decodes it. It fails as fetch does, and with
// unexpected where the page is not what who would answer.
func getJSON(ctx context.Context, c *http.Client, u *url.URL, who string, v any) error {
	body, err := fetch(ctx, c, u)
	if err != nil {
		return err
	}
	if json.Unmarshal(body, v) != nil {
		return &unexpected{what: "not as " + who + " does"}
	}
	return nil
}

// page is an engine's answer.
type page struct {
	status int
	body   []byte
}

// send asks an engine and reads its answer whole.
func send(ctx context.Context, c *http.Client, method string, u *url.URL, body string) (page, error) {
	req, err := http.NewRequestWithContext(ctx, method, u.String(), strings.NewReader(body))
	if err != nil {
		return page{}, err
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.Do(req)
	if err != nil {
		return page{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxProbe))
	return page{resp.StatusCode, text}, err
}

// newerAPIs are those that not every version of an engine serves, with a route of
// each.
var newerAPIs = []struct {
	api  API
	path string
}{
	{ResponsesAPI, "v1/responses"},
	{AnthropicAPI, "v1/messages"},
}

// studyAPIs finds out which of the newer APIs an engine serves by asking each for
// nothing at all: an empty request names no model and no prompt, so that it is
// refused as wrong where the route is there, and as unknown where it is not.
func studyAPIs(ctx context.Context, c *http.Client, base *url.URL) ([]API, error) {
	apis := []API{OpenAIAPI}
	for _, n := range newerAPIs {
		answer, err := send(ctx, c, http.MethodPost, base.JoinPath(n.path), "{}")
		if err != nil {
			return nil, fmt.Errorf("%s: %w", n.path, err)
		}
		if answer.isRefusal() {
			apis = append(apis, n.api)
		}
	}
	return apis, nil
}

// isRefusal reports whether an answer to an empty request says that the request is
// wrong, rather than that nobody knows the route. LM Studio says the latter with
// 200.
func (p page) isRefusal() bool {
	switch p.status {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return false
	}
	return !strings.Contains(string(p.body), "Unexpected endpoint")
}
