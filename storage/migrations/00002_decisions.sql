-- +goose Up
CREATE TABLE decision (
    seq              INTEGER PRIMARY KEY,
    at               INTEGER NOT NULL, -- UTC, milliseconds since 1970
    engine           TEXT    NOT NULL,
    model            TEXT    NOT NULL,
    kind             TEXT    NOT NULL,
    old_limit        INTEGER,
    new_limit        INTEGER,
    slots            INTEGER,
    slots_by         TEXT    NOT NULL,
    token_budget     INTEGER,
    reason           TEXT    NOT NULL,
    in_flight        INTEGER,
    waiting          INTEGER,
    gpu_memory_used  INTEGER,          -- bytes
    gpu_memory_total INTEGER,          -- bytes
    gpu_utilization  REAL              -- 0..1
);

CREATE INDEX decision_at ON decision (at);

PRAGMA user_version = 2;

-- +goose Down
DROP TABLE decision;
PRAGMA user_version = 1;
