-- +goose Up
-- How far rows have grown old, in UTC, milliseconds since 1970: see calendar.go. NULL:
-- there was no row yet.
ALTER TABLE ledger ADD COLUMN aged_to INTEGER;
UPDATE ledger SET aged_to = (SELECT max(at) FROM (
    SELECT max(started) AS at FROM request UNION ALL
    SELECT max(started) FROM batch UNION ALL
    SELECT max(at) * 1000 FROM sample));

PRAGMA user_version = 7;

-- +goose Down
ALTER TABLE ledger DROP COLUMN aged_to;
PRAGMA user_version = 6;
