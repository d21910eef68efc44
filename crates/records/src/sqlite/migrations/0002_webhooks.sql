-- A team's secret as the vault sealed it: whoever has only this file can sign nothing.
ALTER TABLE teams ADD COLUMN webhook_secret TEXT;

-- What shall be told, and how the telling went. A row keeps its address, so that it can be told when
-- the request is not kept.
CREATE TABLE deliveries (
    id          TEXT PRIMARY KEY,
    team        TEXT NOT NULL,
    generation  TEXT NOT NULL,
    event       TEXT NOT NULL,
    url         TEXT NOT NULL,
    state       TEXT NOT NULL,
    tries       INTEGER NOT NULL DEFAULT 0,
    next_at     INTEGER,
    last_at     INTEGER,
    last_status INTEGER,
    last_error  TEXT,
    created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- Only what waits for a try is in it: it stays small, however long the log grows.
CREATE INDEX deliveries_due ON deliveries (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX deliveries_of_team ON deliveries (team, id);
CREATE INDEX deliveries_of_generation ON deliveries (generation, id);
