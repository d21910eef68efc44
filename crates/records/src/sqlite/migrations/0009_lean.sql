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

-- A generation that is not final has a row here, whatever is reserved for it: that is how a restart finds
-- it, without an index that every generation goes into and out of.
INSERT OR IGNORE INTO reserves (generation, team, key, amount, outputs)
SELECT id, team, key, 0, 0 FROM generations WHERE completed_at IS NULL;
DROP INDEX generations_open;
