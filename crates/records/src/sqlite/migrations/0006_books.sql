-- Teams and keys with their rules (budgets, limits), as documents.
ALTER TABLE teams ADD COLUMN rules TEXT NOT NULL DEFAULT '{}';
ALTER TABLE keys ADD COLUMN rules TEXT NOT NULL DEFAULT '{}';
ALTER TABLE keys ADD COLUMN networks TEXT NOT NULL DEFAULT '[]';
ALTER TABLE keys ADD COLUMN metadata TEXT NOT NULL DEFAULT '{}';
ALTER TABLE keys ADD COLUMN last_used_at INTEGER;

-- Texts that keys had before they were rotated, good until their grace is over.
CREATE TABLE old_hashes (
    hash  BLOB PRIMARY KEY,
    key   TEXT NOT NULL REFERENCES keys (id),
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX old_hashes_by_age ON old_hashes (until);

CREATE TABLE users (
    id           TEXT PRIMARY KEY,
    name         TEXT NOT NULL,
    role         TEXT NOT NULL,
    team         TEXT REFERENCES teams (id),
    prefix       TEXT NOT NULL,
    hash         BLOB NOT NULL UNIQUE,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    revoked_at   INTEGER,
    last_used_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE accounts (
    id         TEXT PRIMARY KEY,
    sealed     TEXT,
    settings   TEXT NOT NULL,
    held       INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    removed_at INTEGER
) STRICT, WITHOUT ROWID;

-- Append-only; only time takes entries away, and only from its old end.
CREATE TABLE audit (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    actor   TEXT NOT NULL,
    role    TEXT NOT NULL,
    address TEXT,
    action  TEXT NOT NULL,
    target  TEXT NOT NULL,
    before  TEXT,
    after   TEXT
) STRICT;
CREATE INDEX audit_by_target ON audit (target, id);
CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit is append-only'); END;
CREATE TRIGGER audit_goes_from_its_old_end BEFORE DELETE ON audit
WHEN EXISTS (SELECT 1 FROM audit older WHERE older.id < OLD.id)
BEGIN SELECT RAISE(ABORT, 'the audit goes from its old end'); END;

-- What is held for a generation until its attempts hold it. Only where there is something to hold.
CREATE TABLE reserves (
    generation TEXT PRIMARY KEY,
    team       TEXT NOT NULL,
    key        TEXT NOT NULL,
    amount     INTEGER NOT NULL,
    outputs    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The sums that hard budgets are checked against, so that a check reads two rows and not a month. Only
-- owners that were checked have rows; a row that is not there is counted anew from the books and the
-- holds. `held` is of this moment, a tally of what was charged in its span.
CREATE TABLE held (
    owner   TEXT PRIMARY KEY,
    amount  INTEGER NOT NULL,
    outputs INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE tallies (
    owner   TEXT NOT NULL,
    since   INTEGER NOT NULL,
    until   INTEGER NOT NULL,
    charged INTEGER NOT NULL,
    outputs INTEGER NOT NULL,
    PRIMARY KEY (owner, since, until)
) STRICT, WITHOUT ROWID;

-- How many outputs a generation made. Its list of them may be erased, the count may not: budgets of
-- outputs are counted anew from it.
ALTER TABLE generations ADD COLUMN made INTEGER NOT NULL DEFAULT 0;
UPDATE generations SET made = json_array_length(outputs) WHERE completed_at IS NOT NULL;
CREATE INDEX generations_made ON generations (team, completed_at, key, made) WHERE made > 0;
-- Outputs of generations that time took away, by the quarter of an hour in which they ended: every
-- day of every time zone begins with one.
CREATE TABLE made_before (
    team    TEXT NOT NULL,
    key     TEXT NOT NULL,
    at      INTEGER NOT NULL,
    outputs INTEGER NOT NULL,
    PRIMARY KEY (team, at, key)
) STRICT, WITHOUT ROWID;

-- How far time has taken away, by ids; what lies before it is not looked at again.
CREATE TABLE retention (
    what TEXT PRIMARY KEY,
    upto TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- A generation saves once for a reason. The name goes with the generation, the saving stays.
CREATE TABLE savings (
    generation TEXT,
    reason     TEXT NOT NULL,
    team       TEXT NOT NULL,
    key        TEXT NOT NULL,
    model      TEXT NOT NULL,
    amount     INTEGER NOT NULL,
    at         INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX savings_once ON savings (generation, reason) WHERE generation IS NOT NULL;
CREATE INDEX savings_of_team ON savings (team, at);
CREATE INDEX savings_by_time ON savings (at);

-- A team's entries in their order, and everybody's charges of a span.
CREATE INDEX ledger_of_team ON ledger (team);
CREATE INDEX ledger_by_time ON ledger (at) WHERE of_team = 1;
