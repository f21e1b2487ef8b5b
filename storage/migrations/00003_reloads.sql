-- +goose Up
ALTER TABLE request ADD COLUMN load_ms REAL;
ALTER TABLE request ADD COLUMN reload TEXT NOT NULL DEFAULT '';

PRAGMA user_version = 3;

-- +goose Down
ALTER TABLE request DROP COLUMN reload;
ALTER TABLE request DROP COLUMN load_ms;
PRAGMA user_version = 2;
