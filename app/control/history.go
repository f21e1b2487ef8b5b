package control

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"carpool/storage"
)

// History is what the command line can ask of the history besides its rows.
type History interface {
	Points(ctx context.Context, q storage.Query, most int) (storage.Points, error)
	AppUse(ctx context.Context, q storage.Query) ([]storage.AppUse, error)
	HistorySize(ctx context.Context) (storage.Size, error)
	WipeHistory(ctx context.Context) error
	CompactHistory(ctx context.Context) (freed int64, err error)
}

// compactTimeout is how long a large file may take to be written anew.
const compactTimeout = 15 * time.Minute

func handleHistory(mux *http.ServeMux, h History) {
	mux.HandleFunc("GET /points", func(w http.ResponseWriter, r *http.Request) {
		q, err := parseQuery(r)
		if err != nil {
			refuse(w, http.StatusBadRequest, err)
			return
		}
		most, err := strconv.Atoi(r.FormValue("most"))
		if err != nil || most < 1 {
			refuse(w, http.StatusBadRequest, fmt.Errorf("most: %q is not a number from 1", r.FormValue("most")))
			return
		}
		points, err := h.Points(r.Context(), q, most)
		answer(w, points, err)
	})
	mux.HandleFunc("GET /apps", history(h.AppUse))
	mux.HandleFunc("GET /history/size", func(w http.ResponseWriter, r *http.Request) {
		size, err := h.HistorySize(r.Context())
		answer(w, size, err)
	})
	mux.HandleFunc("POST /history/wipe", func(w http.ResponseWriter, r *http.Request) {
		answer(w, struct{}{}, h.WipeHistory(r.Context()))
	})
	mux.HandleFunc("POST /history/compact", func(w http.ResponseWriter, r *http.Request) {
		freed, err := h.CompactHistory(r.Context())
		answer(w, freed, err)
	})
}

// Points reads a range of the history for a chart of at most most points.
func (c *Client) Points(ctx context.Context, q storage.Query, most int) (p storage.Points, err error) {
	err = c.call(ctx, http.MethodGet, "/points?most="+strconv.Itoa(most)+"&"+encode(q), nil, &p)
	return p, err
}

// AppUse adds up a range of the history by app.
func (c *Client) AppUse(ctx context.Context, q storage.Query) (rows []storage.AppUse, err error) {
	err = c.call(ctx, http.MethodGet, "/apps?"+encode(q), nil, &rows)
	return rows, err
}

// HistorySize looks at the history's file.
func (c *Client) HistorySize(ctx context.Context) (s storage.Size, err error) {
	err = c.call(ctx, http.MethodGet, "/history/size", nil, &s)
	return s, err
}

// WipeHistory deletes every row of the history.
func (c *Client) WipeHistory(ctx context.Context) error {
	return c.patient().call(ctx, http.MethodPost, "/history/wipe", nil, nil)
}

// CompactHistory gives the space of deleted rows back to the disk.
func (c *Client) CompactHistory(ctx context.Context) (freed int64, err error) {
	err = c.patient().call(ctx, http.MethodPost, "/history/compact", nil, &freed)
	return freed, err
}

// patient is a client for what takes longer.
func (c *Client) patient() *Client {
	slow := &Client{c.http}
	slow.http.Timeout = compactTimeout
	return slow
}
