-- How each request was decided. Ids sort by time, so the newest lie at the end.
CREATE TABLE decisions (
    generation TEXT PRIMARY KEY,
    team       TEXT NOT NULL,
    key        TEXT NOT NULL,
    kind       TEXT NOT NULL,
    at         INTEGER NOT NULL,
    body       TEXT NOT NULL
) STRICT, WITHOUT ROWID;
