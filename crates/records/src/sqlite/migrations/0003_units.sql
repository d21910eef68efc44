-- What attempts took of prepaid allowances. Only attempts at accounts with one have a row.
CREATE TABLE units (
    attempt       TEXT PRIMARY KEY,
    account       TEXT NOT NULL,
    kind          TEXT NOT NULL,
    units         INTEGER NOT NULL,
    overage_units INTEGER NOT NULL,
    price         INTEGER NOT NULL,
    at            INTEGER NOT NULL,
    state         TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX units_by_time ON units (at);

-- How long a clip or a sound is.
ALTER TABLE assets ADD COLUMN millis INTEGER;
