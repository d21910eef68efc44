-- Processes that drive generations, and until when each may be believed to live. One row a process,
-- not one a generation: being alive is written once for all of its work.
CREATE TABLE workers (
    id    TEXT PRIMARY KEY,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Credentials that vendors made for accounts of the configuration. `origin` is a hash of the
-- configured one; `begun` says that a replacement was asked for and its answer is not here.
CREATE TABLE credentials (
    account TEXT PRIMARY KEY,
    origin  TEXT NOT NULL,
    sealed  TEXT,
    begun   INTEGER NOT NULL,
    at      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

ALTER TABLE generations ADD COLUMN worker TEXT NOT NULL DEFAULT '';
