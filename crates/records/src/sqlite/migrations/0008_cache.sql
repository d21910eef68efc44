-- What the cache had to do with a generation, and whose outputs it shows where they are another one's.
ALTER TABLE generations ADD COLUMN cache TEXT NOT NULL DEFAULT 'miss';
ALTER TABLE generations ADD COLUMN source TEXT;

-- Where an asset's bytes lie, if not under its own id: those of one generation serve every answer that the
-- cache gives. Each answer has an asset of its own, so that a team's wall, a link's time and a deletion are
-- one asset's; the bytes go with the last that names them.
ALTER TABLE assets ADD COLUMN blob TEXT;
CREATE INDEX assets_of_blob ON assets (blob) WHERE blob IS NOT NULL;
