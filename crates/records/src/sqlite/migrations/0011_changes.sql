-- How far the lists that lie beside this database are in it. The number is changed in the commit that puts them
-- in; the id says whose they are: lists of another life of this file, or of a copy of it, are not taken for its.
CREATE TABLE noted (
    id     BLOB NOT NULL,
    number INTEGER NOT NULL
) STRICT;
INSERT INTO noted VALUES (randomblob(8), 0);
