-- What was learned and can be learned again: catalogues, estimates, how far they are off.
CREATE TABLE documents (
    name TEXT PRIMARY KEY,
    body TEXT NOT NULL
) STRICT;
