-- +goose Up
-- Covers the count of FindBatches.
DROP INDEX batch_started;
CREATE INDEX batch_started ON batch (started, engine, model);

PRAGMA user_version = 6;

-- +goose Down
DROP INDEX batch_started;
CREATE INDEX batch_started ON batch (started);
PRAGMA user_version = 5;
