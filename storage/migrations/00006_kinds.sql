-- +goose Up
-- What many requests have in common, in one row. Those of before have it themselves.
CREATE TABLE kind (
    id               INTEGER PRIMARY KEY,
    app              TEXT    NOT NULL,
    engine           TEXT    NOT NULL,
    model            TEXT    NOT NULL,
    route            TEXT    NOT NULL,
    dialect          TEXT    NOT NULL,
    stream           INTEGER NOT NULL,
    priority         TEXT    NOT NULL,
    outcome          TEXT    NOT NULL,
    error_kind       TEXT    NOT NULL,
    status           INTEGER NOT NULL,
    engine_status    INTEGER NOT NULL,
    tokens_estimated INTEGER NOT NULL,
    simulated        INTEGER NOT NULL,
    reload           TEXT    NOT NULL,
    UNIQUE (app, engine, model, route, dialect, stream, priority, outcome, error_kind, status, engine_status,
        tokens_estimated, simulated, reload)
);

-- A kind's columns hold nothing in a row that has one, and an id that is a UUID is a
-- BLOB of 16 bytes.
ALTER TABLE request ADD COLUMN kind INTEGER REFERENCES kind;

CREATE VIEW request_row AS SELECT seq, r.id AS id, batch, started, prompt_bytes, answer_bytes, prompt_tokens, output_tokens,
    queue_ms, first_token_ms, total_ms, load_ms, energy_j,
    coalesce(k.app, r.app) AS app,
    coalesce(k.engine, r.engine) AS engine,
    coalesce(k.model, r.model) AS model,
    coalesce(k.route, r.route) AS route,
    coalesce(k.dialect, r.dialect) AS dialect,
    coalesce(k.stream, r.stream) AS stream,
    coalesce(k.priority, r.priority) AS priority,
    coalesce(k.outcome, r.outcome) AS outcome,
    coalesce(k.error_kind, r.error_kind) AS error_kind,
    coalesce(k.status, r.status) AS status,
    coalesce(k.engine_status, r.engine_status) AS engine_status,
    coalesce(k.tokens_estimated, r.tokens_estimated) AS tokens_estimated,
    coalesce(k.simulated, r.simulated) AS simulated,
    coalesce(k.reload, r.reload) AS reload
    FROM request r LEFT JOIN kind k ON k.id = r.kind;

-- Covers Summary and EnergyUse.
DROP INDEX request_energy;
DROP INDEX request_started;
CREATE INDEX request_started ON request (started, outcome, kind, batch, prompt_tokens, output_tokens, energy_j);

-- Covers the count of FindBatches.
DROP INDEX batch_started;
CREATE INDEX batch_started ON batch (started, engine, model);

PRAGMA user_version = 6;

-- +goose Down
DROP VIEW request_row;
UPDATE request SET (app, engine, model, route, dialect, stream, priority, outcome, error_kind, status, engine_status,
    tokens_estimated, simulated, reload) =
    (SELECT app, engine, model, route, dialect, stream, priority, outcome, error_kind, status, engine_status,
    tokens_estimated, simulated, reload
    FROM kind WHERE kind.id = request.kind) WHERE kind IS NOT NULL;
UPDATE request SET id = lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4) || '-' || substr(hex(id), 13, 4) || '-' ||
    substr(hex(id), 17, 4) || '-' || substr(hex(id), 21)) WHERE typeof(id) = 'blob';
DROP INDEX request_started;
ALTER TABLE request DROP COLUMN kind;
DROP TABLE kind;
CREATE INDEX request_started ON request (started, outcome, batch, prompt_tokens, output_tokens);
CREATE INDEX request_energy ON request (started, batch, prompt_tokens, output_tokens, energy_j) WHERE energy_j IS NOT NULL;
DROP INDEX batch_started;
CREATE INDEX batch_started ON batch (started);
PRAGMA user_version = 5;
