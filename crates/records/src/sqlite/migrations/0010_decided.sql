-- How a generation was decided lies with it: it is written in the commit that accepts, and a tree of its own was two
-- pages of every such commit, with its splits.
ALTER TABLE generations ADD COLUMN decision TEXT;
ALTER TABLE generations ADD COLUMN decided_at INTEGER;
UPDATE generations SET (decision, decided_at) =
    (SELECT body, at FROM decisions WHERE decisions.generation = generations.id);
DROP TABLE decisions;
