-- +goose Up

-- Times are nanoseconds since 1970 UTC; NULL is no time. seq and place rise with the order of writing and stay
-- when a row is replaced. Ids lead the unique keys, so that a row is found with or
-- without its account.

CREATE TABLE inputs (
    seq      INTEGER PRIMARY KEY,
    account  TEXT NOT NULL,
    at       INTEGER,
    kind     TEXT NOT NULL,
    source   TEXT NOT NULL,
    began    INTEGER,
    order_id TEXT NOT NULL,
    status   TEXT NOT NULL,
    filled   INTEGER NOT NULL,
    ignored  TEXT NOT NULL,
    doc      BLOB
) STRICT;
-- Kite's order ids rise with time, so that this index grows at its end.
CREATE INDEX inputs_order ON inputs (order_id) WHERE order_id <> '';

CREATE TABLE events (
    seq           INTEGER PRIMARY KEY,
    id            TEXT NOT NULL,
    account       TEXT NOT NULL,
    at            INTEGER,
    kind          TEXT NOT NULL,
    order_id      TEXT NOT NULL,
    group_id      TEXT NOT NULL,
    rules_version TEXT NOT NULL,
    decisions     TEXT NOT NULL, -- JSON
    doc           BLOB
) STRICT;
-- An event never changes its order, and order ids rise: led by them this index grows at its end, where ids alone, which
-- are hashes, would touch a page of it each.
CREATE UNIQUE INDEX events_order ON events (order_id, id, account);

CREATE TABLE orders (
    place    INTEGER PRIMARY KEY,
    order_id TEXT NOT NULL,
    account  TEXT NOT NULL,
    day      TEXT NOT NULL,
    status   TEXT NOT NULL,
    group_id TEXT NOT NULL,
    doc      BLOB,
    UNIQUE (order_id, account)
) STRICT;
CREATE INDEX orders_day ON orders (account, day);

CREATE TABLE actions (
    place    INTEGER PRIMARY KEY,
    id       TEXT NOT NULL,
    account  TEXT NOT NULL,
    rule     TEXT NOT NULL,
    state    TEXT NOT NULL,
    final    INTEGER NOT NULL, -- nothing more happens to it by itself
    order_id TEXT NOT NULL,
    created  INTEGER,
    doc      TEXT NOT NULL, -- JSON: the whole row
    UNIQUE (id, account)
) STRICT;
CREATE INDEX actions_open ON actions (account) WHERE final = 0;

CREATE TABLE requests (
    place     INTEGER PRIMARY KEY,
    id        TEXT NOT NULL,
    account   TEXT NOT NULL,
    rule      TEXT NOT NULL, -- what it is for
    state     TEXT NOT NULL,
    final     INTEGER NOT NULL,
    order_id  TEXT NOT NULL, -- that it made
    target_id TEXT NOT NULL, -- that it changes
    created   INTEGER,
    doc       TEXT NOT NULL, -- JSON: the whole row
    UNIQUE (id, account)
) STRICT;
CREATE INDEX requests_open ON requests (account) WHERE final = 0;
CREATE INDEX requests_day ON requests (account, created);

CREATE TABLE docs (
    account TEXT NOT NULL,
    kind    TEXT NOT NULL,
    id      TEXT NOT NULL,
    body    BLOB NOT NULL,
    PRIMARY KEY (account, kind, id)
) STRICT, WITHOUT ROWID;

-- A list of instruments is written in parts beside the kept one; the row here makes it the kept one.
CREATE TABLE instrument_list (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    list INTEGER NOT NULL,
    day  TEXT NOT NULL
) STRICT;
CREATE TABLE instruments (
    list INTEGER NOT NULL,
    part INTEGER NOT NULL,
    rows TEXT NOT NULL, -- JSON: an array of instruments
    PRIMARY KEY (list, part)
) STRICT;
