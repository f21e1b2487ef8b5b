// Package control lets the command line steer a running Carpool: HTTP over a
// Unix socket in the state folder, for the user who started it and nobody else.
//
// Routes: GET /snapshot, POST /set, GET /requests, /batches, /decisions, /energy,
// /summary, /points and /apps, GET /history/size, POST /history/wipe and
// /history/compact, POST /requests/cancel and /requests/front, GET /connect, POST /engines/start and /engines/stop, GET /engines/log,
// /engines/check and /engines/memory, POST /yield and /resume, POST
// /trial/start and /trial/cancel, GET /lan/token, POST /lan/rotate, POST /show, POST
// /quit. Errors are {"error": "…"}.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"carpool/app/fit"
	"carpool/app/trial"
	"carpool/backends/launch"
	"carpool/storage"
)

const (
	headerTimeout = 5 * time.Second
	lastAnswers   = 2 * time.Second // for requests that are being answered at the end
	maxBody       = 64 << 10        // bytes
)

// Serve answers on the socket until ctx ends.
func Serve[S any](ctx context.Context, socket *Socket, s Surface[S]) error {
	server := &http.Server{Handler: handler(s), ReadHeaderTimeout: headerTimeout}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(socket.listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("control socket: %w", err)
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastAnswers)
	defer cancel()
	if err := server.Shutdown(last); err != nil {
		_ = server.Close()
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("control socket: %w", err)
	}
	return nil
}

type setRequest struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

type ticketRequest struct {
	Ticket uint64 `json:"ticket"`
}

type engineRequest struct {
	Name string `json:"name"`
}

type tokenAnswer struct {
	Token string `json:"token"`
}

type failure struct {
	Error string `json:"error"`
}

func handler[S any](s Surface[S]) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /snapshot", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.Snapshot(), nil) })
	mux.HandleFunc("GET /requests", history(s.Requests))
	mux.HandleFunc("GET /batches", history(s.Batches))
	mux.HandleFunc("GET /decisions", history(s.Decisions))
	mux.HandleFunc("GET /energy", history(s.EnergyUse))
	mux.HandleFunc("GET /summary", history(s.Summary))
	mux.HandleFunc("POST /set", func(w http.ResponseWriter, r *http.Request) {
		var b setRequest
		if !decode(w, r, &b) {
			return
		}
		if err := s.Set(r.Context(), b.Key, b.Value); err != nil {
			refuse(w, http.StatusBadRequest, err)
			return
		}
		answer(w, struct{}{}, nil)
	})
	handleHistory(mux, s)
	mux.HandleFunc("GET /connect", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.ConnectGuides(), nil) })
	mux.HandleFunc("POST /requests/cancel", order(s.CancelRequest))
	mux.HandleFunc("POST /requests/front", order(s.MoveToFront))
	handleEngines(mux, s)
	mux.HandleFunc("POST /yield", func(w http.ResponseWriter, r *http.Request) {
		var o YieldOrder
		if decode(w, r, &o) {
			answer(w, struct{}{}, s.Yield(r.Context(), o))
		}
	})
	mux.HandleFunc("POST /resume", func(w http.ResponseWriter, r *http.Request) {
		answer(w, struct{}{}, s.Resume(r.Context()))
	})
	mux.HandleFunc("GET /lan/token", func(w http.ResponseWriter, _ *http.Request) {
		token, err := s.LANToken()
		answer(w, tokenAnswer{token}, err)
	})
	mux.HandleFunc("POST /lan/rotate", func(w http.ResponseWriter, _ *http.Request) {
		token, err := s.RotateLANToken()
		answer(w, tokenAnswer{token}, err)
	})
	mux.HandleFunc("POST /trial/start", func(w http.ResponseWriter, r *http.Request) {
		var wanted trial.Wanted
		if decode(w, r, &wanted) {
			answer(w, struct{}{}, s.StartTrial(r.Context(), wanted))
		}
	})
	mux.HandleFunc("POST /trial/cancel", func(w http.ResponseWriter, _ *http.Request) {
		s.CancelTrial()
		answer(w, struct{}{}, nil)
	})
	mux.HandleFunc("POST /show", func(w http.ResponseWriter, _ *http.Request) {
		s.Show()
		answer(w, struct{}{}, nil)
	})
	mux.HandleFunc("POST /quit", func(w http.ResponseWriter, _ *http.Request) {
		s.Quit()
		answer(w, struct{}{}, nil)
	})
	return mux
}

// handleEngines adds the routes of the engines that Carpool runs.
func handleEngines[S any](mux *http.ServeMux, s Surface[S]) {
	mux.HandleFunc("POST /engines/start", func(w http.ResponseWriter, r *http.Request) {
		var wanted launch.Wanted
		if decode(w, r, &wanted) {
			state, err := s.StartEngine(r.Context(), wanted)
			answer(w, state, err)
		}
	})
	mux.HandleFunc("POST /engines/stop", func(w http.ResponseWriter, r *http.Request) {
		var b engineRequest
		if decode(w, r, &b) {
			answer(w, struct{}{}, s.StopEngine(r.Context(), b.Name))
		}
	})
	mux.HandleFunc("GET /engines/log", func(w http.ResponseWriter, r *http.Request) {
		lines, err := s.EngineLog(r.FormValue("name"))
		answer(w, lines, err)
	})
	mux.HandleFunc("GET /engines/check", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.CheckEngines(), nil) })
	mux.HandleFunc("GET /engines/memory", func(w http.ResponseWriter, r *http.Request) {
		q := fit.Question{Engine: r.FormValue("engine"), Model: r.FormValue("model")}
		for name, n := range map[string]*int{"slots": &q.Slots, "context": &q.Context} {
			var err error
			if v := r.FormValue(name); v != "" {
				if *n, err = strconv.Atoi(v); err != nil || *n < 1 {
					refuse(w, http.StatusBadRequest, fmt.Errorf("%s: %q is not a number from 1", name, v))
					return
				}
			}
		}
		tables, err := s.EngineMemory(q)
		answer(w, tables, err)
	})
}

// order carries out what the user wants of one request.
func order(carryOut func(ticket uint64) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var b ticketRequest
		if decode(w, r, &b) {
			answer(w, struct{}{}, carryOut(b.Ticket))
		}
	}
}

// decode reads the body into v, or refuses it.
func decode(w http.ResponseWriter, r *http.Request, v any) bool {
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(v)
	if err != nil {
		refuse(w, http.StatusBadRequest, fmt.Errorf("body: %w", err))
	}
	return err == nil
}

// history answers with what read finds in the range that the URL names.
func history[T any](read func(context.Context, storage.Query) (T, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q, err := parseQuery(r)
		if err != nil {
			refuse(w, http.StatusBadRequest, err)
			return
		}
		rows, err := read(r.Context(), q)
		answer(w, rows, err)
	}
}

func parseQuery(r *http.Request) (storage.Query, error) {
	var q storage.Query
	var err error
	for name, at := range map[string]*time.Time{"since": &q.Since, "until": &q.Until} {
		if v := r.FormValue(name); v != "" {
			if *at, err = time.Parse(time.RFC3339Nano, v); err != nil {
				return q, fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	if v := r.FormValue("limit"); v != "" {
		if q.Limit, err = strconv.Atoi(v); err != nil || q.Limit < 0 {
			return q, fmt.Errorf("limit: %q is not a count", v)
		}
	}
	return q, nil
}

func answer(w http.ResponseWriter, v any, err error) {
	if err != nil {
		refuse(w, http.StatusInternalServerError, err)
		return
	}
	body, err := json.Marshal(v)
	if err != nil {
		refuse(w, http.StatusInternalServerError, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // the client has left
}

func refuse(w http.ResponseWriter, status int, err error) {
	body, _ := json.Marshal(failure{err.Error()}) // a string always marshals
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client has left
}
