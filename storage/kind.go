package storage

import (
	"database/sql/driver"
	"fmt"

	"github.com/google/uuid"
)

// kind is what many requests have in common: a row of its table, so that theirs are
// short.
type kind struct {
	app, engine, model, route, dialect string
	stream                             bool
	priority, outcome, errorKind       string
	status, engineStatus               int
	tokensEstimated, simulated         bool
	reload                             string
}

const kindColumns = `app, engine, model, route, dialect, stream, priority, outcome, error_kind,
	status, engine_status, tokens_estimated, simulated, reload`

// The update changes nothing: it is for RETURNING, which tells of changed rows only.
const keepKind = `INSERT INTO kind (` + kindColumns + `) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)
	ON CONFLICT DO UPDATE SET app = app RETURNING id`

// kindOf is the number of a request's kind, which is put on file if it is new. Only
// the kinds of this transaction are remembered, as it may be rolled back.
func (in *inserts) kindOf(r Request) (id int64, err error) {
	k := kind{r.App, r.Engine, r.Model, r.Route, r.Dialect, r.Stream, r.Priority, r.Outcome, r.ErrorKind,
		r.Status, r.EngineStatus, r.TokensEstimated, r.Simulated, r.Reload}
	if id, known := in.kinds[k]; known {
		return id, nil
	}
	if in.kinds == nil {
		in.kinds = map[kind]int64{}
	}
	err = in.kind.QueryRow( //nolint:noctx // see writer.insert
		k.app, k.engine, k.model, k.route, k.dialect, k.stream, k.priority, k.outcome, k.errorKind,
		k.status, k.engineStatus, k.tokensEstimated, k.simulated, k.reload).Scan(&id)
	in.kinds[k] = id
	return id, err
}

// requestID is a request's id, 16 bytes on file if it is a UUID as Carpool writes
// them, else text.
type requestID string

func (id requestID) Value() (driver.Value, error) {
	if u, err := uuid.Parse(string(id)); err == nil && u.String() == string(id) {
		return u[:], nil
	}
	return string(id), nil
}

func (id *requestID) Scan(stored any) error {
	switch v := stored.(type) {
	case string:
		*id = requestID(v)
	case []byte:
		u, err := uuid.FromBytes(v)
		if err != nil {
			return err
		}
		*id = requestID(u.String())
	default:
		return fmt.Errorf("an id is a %T", stored)
	}
	return nil
}
