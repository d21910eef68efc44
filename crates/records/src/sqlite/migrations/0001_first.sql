-- Every tree that a commit touches is a page more to write, so there are few: narrow tables have no
-- rowid, and an index is here only for a question that is asked. Ids sort by time of making, so that
-- trees keyed by them grow at their end. Money is in micro-US-dollars, time in Unix milliseconds.

CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE teams (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    models     TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE keys (
    id         TEXT PRIMARY KEY,
    team       TEXT NOT NULL REFERENCES teams (id),
    name       TEXT NOT NULL,
    prefix     TEXT NOT NULL,
    scopes     TEXT NOT NULL,
    models     TEXT NOT NULL,
    hash       BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX keys_of_team ON keys (team, id);

-- With a rowid: a row is often longer than the quarter of a page that a tree without one keeps inline.
CREATE TABLE generations (
    id             TEXT NOT NULL UNIQUE,
    team           TEXT NOT NULL,
    key            TEXT NOT NULL,
    kind           TEXT NOT NULL,
    status         TEXT NOT NULL,
    model          TEXT NOT NULL,
    request        TEXT NOT NULL,
    metadata       TEXT NOT NULL,
    created_at     INTEGER NOT NULL,
    completed_at   INTEGER,
    outputs        TEXT NOT NULL DEFAULT '[]',
    provider       TEXT,
    provider_model TEXT,
    account        TEXT,
    estimated      INTEGER NOT NULL,
    charged        INTEGER NOT NULL DEFAULT 0,
    uncertain      INTEGER NOT NULL DEFAULT 0,
    adjustments    TEXT NOT NULL DEFAULT '{}',
    error_code     TEXT,
    error_message  TEXT,
    erased         INTEGER NOT NULL DEFAULT 0
) STRICT;
-- Lists of one kind use it as it is, lists of all kinds merge the ten kinds' ranges.
CREATE INDEX generations_of_team ON generations (team, kind, id) WHERE erased = 0;
CREATE INDEX generations_open ON generations (id) WHERE completed_at IS NULL;

CREATE TABLE idempotency (
    team       TEXT NOT NULL,
    key        TEXT NOT NULL,
    body       BLOB NOT NULL,
    generation TEXT NOT NULL,
    at         INTEGER NOT NULL,
    PRIMARY KEY (team, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_age ON idempotency (at);

CREATE TABLE attempts (
    id         TEXT PRIMARY KEY,
    generation TEXT NOT NULL,
    slot       INTEGER NOT NULL,
    provider   TEXT NOT NULL,
    account    TEXT NOT NULL,
    model      TEXT NOT NULL,
    count      INTEGER NOT NULL,
    state      TEXT NOT NULL,
    outcome    TEXT,
    detail     TEXT,
    charged    INTEGER NOT NULL DEFAULT 0,
    uncertain  INTEGER NOT NULL DEFAULT 0,
    upper      INTEGER NOT NULL,
    reference  TEXT,
    ticket     TEXT,
    remote     TEXT NOT NULL DEFAULT '[]',
    lost_at    INTEGER,
    lost_ended INTEGER,
    started_at INTEGER NOT NULL,
    booked_at  INTEGER,
    ended_at   INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX attempts_of_generation ON attempts (generation, slot, started_at);
-- A vendor's work belongs to one attempt, whoever races for it.
CREATE UNIQUE INDEX attempts_claims ON attempts (provider, account, reference)
    WHERE reference IS NOT NULL;

-- One row for each attempt that is not over: what is held for it, nothing once it is booked. It is
-- also how a restart finds open attempts, which saves an index that every commit would touch.
CREATE TABLE holds (
    attempt TEXT PRIMARY KEY,
    team    TEXT NOT NULL,
    key     TEXT NOT NULL,
    amount  INTEGER NOT NULL,
    until   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Append-only. The two sides of a transaction add up to zero.
CREATE TABLE ledger (
    id            INTEGER PRIMARY KEY,
    "transaction" TEXT NOT NULL,
    at            INTEGER NOT NULL,
    account       TEXT NOT NULL,
    amount        INTEGER NOT NULL,
    kind          TEXT NOT NULL,
    team          TEXT NOT NULL,
    key           TEXT NOT NULL,
    provider      TEXT NOT NULL,
    model         TEXT NOT NULL,
    generation    TEXT NOT NULL,
    makes         TEXT NOT NULL,
    of_team       INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX ledger_once ON ledger ("transaction", kind, account);
CREATE INDEX ledger_usage ON ledger (team, at) WHERE of_team = 1;

CREATE TABLE assets (
    id         TEXT PRIMARY KEY,
    team       TEXT NOT NULL,
    generation TEXT,
    media_type TEXT NOT NULL,
    bytes      INTEGER NOT NULL,
    hash       BLOB NOT NULL,
    width      INTEGER,
    height     INTEGER,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX assets_by_expiry ON assets (expires_at);
CREATE INDEX assets_of_generation ON assets (generation) WHERE generation IS NOT NULL;

-- nth tells calls of one account in one millisecond apart.
CREATE TABLE calls (
    at      INTEGER NOT NULL,
    account TEXT NOT NULL,
    nth     INTEGER NOT NULL,
    PRIMARY KEY (at, account, nth)
) STRICT, WITHOUT ROWID;

-- Not even a slip of ours may rewrite the books.
CREATE TRIGGER ledger_is_never_changed BEFORE UPDATE ON ledger
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_is_never_deleted BEFORE DELETE ON ledger
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
