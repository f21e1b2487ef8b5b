-- +goose Up
ALTER TABLE request ADD COLUMN energy_j REAL; -- drawn by the GPU for it; NULL = not known

-- Covers EnergyUse, and holds nothing where no GPU is read.
CREATE INDEX request_energy ON request (started, batch, prompt_tokens, output_tokens, energy_j) WHERE energy_j IS NOT NULL;

PRAGMA user_version = 4;

-- +goose Down
DROP INDEX request_energy;
ALTER TABLE request DROP COLUMN energy_j;
PRAGMA user_version = 3;
