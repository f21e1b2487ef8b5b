package containers

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 8 << 20

// socket is the one at which Docker, or Podman in Docker's way, answers HTTP.
type socket struct{ http.Client }

func newSocket(path string) *socket {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}
	return &socket{http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}, Timeout: patience}}
}

func (s *socket) images(ctx context.Context) (map[string]string, error) {
	text, err := s.get(ctx, "/containers/json")
	if err != nil {
		return nil, err
	}
	var list []struct{ ID, Image string }
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("list of containers: %w", err)
	}
	all := map[string]string{}
	for _, c := range list {
		all[c.ID] = c.Image
	}
	return all, nil
}

func (s *socket) inspect(ctx context.Context, id string) ([]byte, error) {
	return s.get(ctx, "/containers/"+url.PathEscape(id)+"/json")
}

// get asks in the version of the interface that the other side speaks.
func (s *socket) get(ctx context.Context, path string) ([]byte, error) {
	_, version, err := s.ask(ctx, "/_ping")
	if err != nil {
		return nil, err
	}
	if version != "" {
		path = "/v" + version + path
	}
	text, _, err := s.ask(ctx, path)
	return text, err
}

func (s *socket) ask(ctx context.Context, path string) (text []byte, version string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+path, nil)
	if err != nil {
		return nil, "", err
	}
	resp, err := s.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	if text, err = io.ReadAll(io.LimitReader(resp.Body, maxAnswer)); err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", path, resp.Status)
	}
	return text, resp.Header.Get("Api-Version"), err
}
