-- A saving is written with every answer from the cache: one tree instead of four. A generation is told as it
-- ends, in one commit with that, so that the moment is as much its name as the id; the id stays when the
-- generation is forgotten, as it does in the ledger.
CREATE TABLE lean_savings (
    team       TEXT NOT NULL,
    at         INTEGER NOT NULL,
    generation TEXT NOT NULL,
    reason     TEXT NOT NULL,
    key        TEXT NOT NULL,
    model      TEXT NOT NULL,
    amount     INTEGER NOT NULL,
    PRIMARY KEY (team, at, generation, reason)
) STRICT, WITHOUT ROWID;
INSERT INTO lean_savings (team, at, generation, reason, key, model, amount)
SELECT team, at, coalesce(generation, 'forgotten_' || rowid), reason, key, model, amount FROM savings;
DROP TABLE savings;
ALTER TABLE lean_savings RENAME TO savings;

-- Everybody's charges of a span are each team's.
DROP INDEX ledger_by_time;

-- What is held for a generation until its attempts hold it, and for each attempt that is not over: one tree. A
-- generation that is not final has a row, whatever is reserved for it: that is how a restart finds it, without
-- an index that every generation goes into and out of.
CREATE TABLE lean_holds (
    id         TEXT NOT NULL,
    of_attempt INTEGER NOT NULL,
    team       TEXT NOT NULL,
    key        TEXT NOT NULL,
    amount     INTEGER NOT NULL,
    outputs    INTEGER NOT NULL DEFAULT 0,
    until      INTEGER,
    PRIMARY KEY (id, of_attempt)
) STRICT, WITHOUT ROWID;
INSERT INTO lean_holds (id, of_attempt, team, key, amount, until)
SELECT attempt, 1, team, key, amount, until FROM holds;
INSERT INTO lean_holds (id, of_attempt, team, key, amount, outputs)
SELECT generation, 0, team, key, amount, outputs FROM reserves;
INSERT OR IGNORE INTO lean_holds (id, of_attempt, team, key, amount)
SELECT id, 0, team, key, 0 FROM generations WHERE completed_at IS NULL;
DROP TABLE reserves;
DROP TABLE holds;
ALTER TABLE lean_holds RENAME TO holds;
DROP INDEX generations_open;
