package trust

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// plain asks without keeping connections, so that a test's own looks are not among
// those that it counts.
var plain = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// streamReply is what a client of a stream saw.
type streamReply struct {
	status     int
	header     http.Header
	wrong      string // an answer, or a piece of one, that is another's or is not one; "" = none
	whole      bool   // it came to its end mark
	fault      string // told in the stream; "" = none
	err        error  // the connection's
	first, all time.Duration
}

// clean reports whether it is a whole answer, or a refusal that says when to ask again.
func (r streamReply) clean() bool {
	switch r.status {
	case http.StatusOK:
		return r.whole && r.wrong == "" && r.err == nil
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		return r.wrong == "" && r.err == nil && r.header.Get("Retry-After") != ""
	}
	return false
}

func (r streamReply) String() string {
	return fmt.Sprintf("status %d, whole %v, wrong %q, fault %q, error %v, %v", r.status, r.whole, r.wrong, r.fault, r.err, r.header)
}

// stream streams an answer of so many tokens, each of which has to be nonce. Headers are
// given as name and value in turn.
func stream(ctx context.Context, client *http.Client, url, nonce string, tokens int, headers ...string) (r streamReply) {
	began := time.Now()
	defer func() { r.all = time.Since(began) }()
	body := fmt.Sprintf(`{"model":"tiny","prompt":"nonce:%s","options":{"num_predict":%d}}`, nonce, tokens)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/api/generate", strings.NewReader(body))
	if err != nil {
		return streamReply{err: err}
	}
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		return streamReply{err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	r.status, r.header = resp.StatusCode, resp.Header
	lines, came := bufio.NewScanner(resp.Body), 0
	for lines.Scan() {
		var piece struct {
			Response, Error string
			Done            bool
		}
		if err := json.Unmarshal(lines.Bytes(), &piece); err != nil {
			r.wrong = lines.Text()
			continue
		}
		switch {
		case piece.Error != "":
			r.fault = piece.Error
		case piece.Done:
			r.whole = true
			if came != tokens {
				r.wrong = fmt.Sprintf("%d of %d tokens", came, tokens)
			}
		case strings.TrimSpace(piece.Response) != nonce:
			r.wrong = lines.Text()
		default:
			if came++; came == 1 {
				r.first = time.Since(began)
			}
		}
	}
	r.err = lines.Err()
	return r
}
