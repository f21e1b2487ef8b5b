-- +goose Up
CREATE TABLE sample (
    at              INTEGER PRIMARY KEY, -- UTC, seconds since 1970
    running         INTEGER NOT NULL,
    waiting         INTEGER NOT NULL,
    in_flight_limit INTEGER NOT NULL,
    tokens_out      INTEGER NOT NULL,
    tokens_in       INTEGER NOT NULL,
    memory_used     INTEGER,             -- bytes
    memory_total    INTEGER,             -- bytes
    memory_ours     INTEGER,             -- bytes
    memory_others   INTEGER,             -- bytes
    utilization     REAL,                -- 0..1
    power           REAL                 -- watts
);

-- The samples of a minute, an hour and a day added up. A column of readings has
-- beside it how many of them were known.
CREATE TABLE span (
    step            INTEGER NOT NULL, -- seconds
    at              INTEGER NOT NULL, -- its beginning in UTC, seconds since 1970
    seconds         INTEGER NOT NULL,
    running         INTEGER NOT NULL,
    waiting         INTEGER NOT NULL,
    most_running    INTEGER NOT NULL,
    most_waiting    INTEGER NOT NULL,
    limited         INTEGER NOT NULL, -- seconds with a limit
    in_flight_limit INTEGER NOT NULL,
    tokens_out      INTEGER NOT NULL,
    tokens_in       INTEGER NOT NULL,
    memory_used_n   INTEGER NOT NULL,
    memory_used     INTEGER NOT NULL,
    memory_total_n  INTEGER NOT NULL,
    memory_total    INTEGER NOT NULL,
    memory_ours_n   INTEGER NOT NULL,
    memory_ours     INTEGER NOT NULL,
    memory_others_n INTEGER NOT NULL,
    memory_others   INTEGER NOT NULL,
    utilization_n   INTEGER NOT NULL,
    utilization     REAL    NOT NULL,
    power_n         INTEGER NOT NULL,
    power           REAL    NOT NULL,
    PRIMARY KEY (step, at)
) WITHOUT ROWID;

-- First tokens, in milliseconds, of the requests that started in a second, a
-- minute, an hour and a day.
CREATE TABLE first_token (
    step   INTEGER NOT NULL, -- seconds
    at     INTEGER NOT NULL, -- its beginning in UTC, seconds since 1970
    sketch BLOB    NOT NULL,
    PRIMARY KEY (step, at)
) WITHOUT ROWID;

-- The requests that started in an hour and a day, added up.
CREATE TABLE usage (
    step          INTEGER NOT NULL, -- seconds
    at            INTEGER NOT NULL, -- its beginning in UTC, seconds since 1970
    app           TEXT    NOT NULL,
    engine        TEXT    NOT NULL,
    model         TEXT    NOT NULL,
    outcome       TEXT    NOT NULL,
    requests      INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    run_ms        REAL    NOT NULL,
    wait_ms       REAL    NOT NULL,
    most_wait_ms  REAL    NOT NULL,
    first_tokens  BLOB,             -- a sketch, milliseconds
    metered       INTEGER NOT NULL, -- requests of which the energy is known
    energy_j      REAL    NOT NULL,
    last          INTEGER NOT NULL, -- start of the last, UTC, milliseconds since 1970
    PRIMARY KEY (step, at, app, engine, model, outcome)
) WITHOUT ROWID;

-- What a day showed of an engine and a model with so many requests at once.
CREATE TABLE curve (
    engine       TEXT    NOT NULL,
    model        TEXT    NOT NULL,
    at           INTEGER NOT NULL, -- the day's beginning in UTC, seconds since 1970
    running      INTEGER NOT NULL,
    seconds      INTEGER NOT NULL,
    tokens       INTEGER NOT NULL,
    first_tokens BLOB,             -- a sketch, milliseconds
    last         INTEGER NOT NULL, -- UTC, milliseconds since 1970
    PRIMARY KEY (engine, model, at, running)
) WITHOUT ROWID;

CREATE TABLE trial (
    id      INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL, -- UTC, milliseconds since 1970
    engine  TEXT    NOT NULL,
    model   TEXT    NOT NULL,
    figures TEXT    NOT NULL  -- JSON
);

CREATE INDEX trial_at ON trial (at);

-- One row. Requests of before this schema are added up bit by bit: those with
-- seq > filled and <= fill_to are in no roll-up yet. Requests that started before
-- kept_from may have been deleted.
CREATE TABLE ledger (
    filled    INTEGER NOT NULL,
    fill_to   INTEGER NOT NULL,
    kept_from INTEGER NOT NULL -- UTC, milliseconds since 1970
);
INSERT INTO ledger SELECT 0, coalesce(max(seq), 0), -9223372036854775808 FROM request;

PRAGMA user_version = 5;

-- +goose Down
DROP TABLE ledger;
DROP TABLE trial;
DROP TABLE curve;
DROP TABLE usage;
DROP TABLE first_token;
DROP TABLE span;
DROP TABLE sample;
PRAGMA user_version = 4;
