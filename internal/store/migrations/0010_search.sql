-- Search by text; docs/search.md. The words of each entity, for whole words
-- and beginnings. On SQLite the program splits the words, and the tokenizer
-- only has to see the spaces between them.
-- only sqlite: CREATE VIRTUAL TABLE text_docs USING fts5 (name, body, scope, content = '', contentless_delete = 1, detail = column, tokenize = 'ascii');
-- only sqlite: CREATE TRIGGER entities_text_gone AFTER DELETE ON entities BEGIN DELETE FROM text_docs WHERE rowid = old.id; END;
-- only postgres: CREATE TABLE text_docs (entity BIGINT PRIMARY KEY REFERENCES entities (id) ON DELETE CASCADE, words TSVECTOR NOT NULL);
-- only postgres: CREATE INDEX text_docs_words ON text_docs USING gin (words) WITH (gin_pending_list_limit = 1024);
-- The planner would read the whole table for words that many have; here only
-- the first that fit are wanted.
-- only postgres: CREATE FUNCTION text_find(query TSQUERY, most BIGINT) RETURNS SETOF BIGINT LANGUAGE sql STABLE SET enable_seqscan = off AS 'SELECT d.entity FROM text_docs d WHERE d.words @@ query AND EXISTS (SELECT 1 FROM entities e WHERE e.id = d.entity AND e.pending = 0) LIMIT most';

-- The vocabulary: each word under itself and each of its ends, for parts of
-- words, and under numbers that it shares with its misspellings. On PostgreSQL
-- nothing is unique: two writers of a new word must not wait for each other.
CREATE TABLE text_parts (
-- only postgres: part TEXT COLLATE "C" NOT NULL,
-- only sqlite: part TEXT NOT NULL,
-- only postgres: word TEXT COLLATE "C" NOT NULL
-- only sqlite: word TEXT NOT NULL,
-- only sqlite: PRIMARY KEY (part, word)
-- only postgres: );
-- only sqlite: ) WITHOUT ROWID;
-- only postgres: CREATE INDEX text_parts_by_part ON text_parts (part, word);
CREATE TABLE text_typos (
  code BIGINT NOT NULL,
-- only postgres: word TEXT COLLATE "C" NOT NULL
-- only sqlite: word TEXT NOT NULL,
-- only sqlite: PRIMARY KEY (code, word)
-- only postgres: );
-- only sqlite: ) WITHOUT ROWID;
-- only postgres: CREATE INDEX text_typos_by_code ON text_typos (code, word);

-- Entities from before are indexed in the background, up to after_id so far.
CREATE TABLE text_backfill (
  after_id BIGINT NOT NULL PRIMARY KEY
);
INSERT INTO text_backfill (after_id) SELECT 0 FROM entities LIMIT 1;

-- What the index replaces.
ALTER TABLE entities DROP COLUMN find_text;
ALTER TABLE entities DROP COLUMN search_text;
