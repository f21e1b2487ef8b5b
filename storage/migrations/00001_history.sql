-- +goose Up
CREATE TABLE request (
    seq              INTEGER PRIMARY KEY,
    id               TEXT    NOT NULL, -- not unique: a client may bring its own
    batch            INTEGER,
    started          INTEGER NOT NULL, -- UTC, milliseconds since 1970
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
    prompt_bytes     INTEGER NOT NULL,
    answer_bytes     INTEGER NOT NULL,
    prompt_tokens    INTEGER,
    output_tokens    INTEGER,
    tokens_estimated INTEGER NOT NULL,
    queue_ms         REAL    NOT NULL,
    first_token_ms   REAL,
    total_ms         REAL    NOT NULL,
    simulated        INTEGER NOT NULL
);

-- Covers Summary, so that adding up a range reads no table rows.
CREATE INDEX request_started ON request (started, outcome, batch, prompt_tokens, output_tokens);

-- For the requests of a batch, and for the highest batch id in use.
CREATE INDEX request_batch ON request (batch);

CREATE TABLE batch (
    id               INTEGER PRIMARY KEY,
    started          INTEGER NOT NULL, -- UTC, milliseconds since 1970
    engine           TEXT    NOT NULL,
    model            TEXT    NOT NULL,
    mode             TEXT    NOT NULL,
    why              TEXT    NOT NULL,
    released         INTEGER NOT NULL,
    running          INTEGER NOT NULL,
    in_flight_limit  INTEGER NOT NULL,
    mean_wait_ms     REAL    NOT NULL,
    max_wait_ms      REAL    NOT NULL,
    duration_ms      REAL    NOT NULL,
    tokens           INTEGER NOT NULL,
    gpu_memory_used  INTEGER,          -- bytes
    gpu_memory_total INTEGER,          -- bytes
    gpu_utilization  REAL              -- 0..1
);

CREATE INDEX batch_started ON batch (started);

-- Lets a reader of the file tell its schema without knowing the migrations.
PRAGMA user_version = 1;

-- +goose Down
DROP TABLE batch;
DROP TABLE request;
PRAGMA user_version = 0;
