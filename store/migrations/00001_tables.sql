-- One folder for SQLite and PostgreSQL. Times are microseconds since 1970 in UTC, bound by the program, 0 for none.
-- A doc column holds the whole noun as JSON; the other columns repeat what is searched by.

-- +goose Up
CREATE TABLE counters (
    name TEXT PRIMARY KEY,
    n    BIGINT NOT NULL
);
INSERT INTO counters (name, n) VALUES ('incident', 0), ('delivery', 0);

CREATE TABLE incidents (
    id          TEXT PRIMARY KEY,
    number      BIGINT NOT NULL UNIQUE,
    key         TEXT   NOT NULL,
    state       TEXT   NOT NULL CHECK (state IN ('open', 'resolved')),
    resolved_at BIGINT NOT NULL,
    due_at      BIGINT NOT NULL,
    doc         TEXT   NOT NULL
);
-- Two webhooks of one outage that race open one incident.
CREATE UNIQUE INDEX incidents_one_open_per_key ON incidents (key) WHERE state = 'open';
CREATE INDEX incidents_by_key ON incidents (key, number);
CREATE INDEX incidents_due ON incidents (due_at) WHERE due_at > 0;

CREATE TABLE alerts (
    incident_id TEXT   NOT NULL REFERENCES incidents (id),
    fingerprint TEXT   NOT NULL,
    starts_at   BIGINT NOT NULL,
    status      TEXT   NOT NULL,
    doc         TEXT   NOT NULL,
    PRIMARY KEY (incident_id, fingerprint, starts_at)
);

CREATE TABLE proposals (
    id          TEXT PRIMARY KEY,
    incident_id TEXT   NOT NULL REFERENCES incidents (id),
    number      BIGINT NOT NULL,
    state       TEXT   NOT NULL,
    target      TEXT   NOT NULL,
    doc         TEXT   NOT NULL
);
CREATE INDEX proposals_of_incident ON proposals (incident_id, number);
CREATE INDEX proposals_checking ON proposals (incident_id, number) WHERE state = 'checking';

CREATE TABLE runs (
    id          TEXT PRIMARY KEY,
    incident_id TEXT    NOT NULL REFERENCES incidents (id),
    number      BIGINT  NOT NULL,
    state       TEXT    NOT NULL,
    target      TEXT    NOT NULL,
    held        BOOLEAN NOT NULL, -- it holds its target's lock: it takes one, and is not at its end
    queued_at   BIGINT  NOT NULL,
    wake_at     BIGINT  NOT NULL,
    epoch       BIGINT  NOT NULL DEFAULT 0,
    owner       TEXT    NOT NULL DEFAULT '',
    lease_until BIGINT  NOT NULL DEFAULT 0,
    doc         TEXT    NOT NULL
);
CREATE UNIQUE INDEX runs_one_per_target ON runs (target) WHERE held;
CREATE INDEX runs_of_incident ON runs (incident_id, number);
CREATE INDEX runs_open ON runs (state, queued_at) WHERE state IN ('queued', 'running', 'waiting');

-- Requests that must act at most once, with the answer that they got.
CREATE TABLE seen (
    once    TEXT PRIMARY KEY,
    at      BIGINT NOT NULL,
    code    TEXT   NOT NULL,
    answer  TEXT   NOT NULL,
    subject TEXT   NOT NULL
);
CREATE INDEX seen_at ON seen (at);

-- The log: audit trail, timeline and outbox in one. body is hashed byte for byte; jsonb would reorder its keys.
CREATE TABLE log (
    seq      BIGINT PRIMARY KEY,
    event_id TEXT   NOT NULL UNIQUE,
    incident TEXT   NOT NULL,
    type     TEXT   NOT NULL,
    at       BIGINT NOT NULL,
    prev     TEXT   NOT NULL UNIQUE,
    hash     TEXT   NOT NULL UNIQUE,
    body     TEXT   NOT NULL
);
CREATE INDEX log_of_incident ON log (incident, seq);

CREATE TABLE log_tree (
    ix BIGINT PRIMARY KEY,
    h  TEXT   NOT NULL
);

-- The end of the log. Locked last in each transaction that appends, so that the log's order is the order of commits.
-- edge repeats the tree nodes that the next entry is joined to.
CREATE TABLE log_head (
    id   BIGINT PRIMARY KEY CHECK (id = 1),
    seq  BIGINT NOT NULL,
    hash TEXT   NOT NULL,
    edge TEXT   NOT NULL
);
INSERT INTO log_head (id, seq, hash, edge)
VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000', '{}');

CREATE TABLE checkpoints (
    origin TEXT   NOT NULL,
    size   BIGINT NOT NULL,
    at     BIGINT NOT NULL,
    note   TEXT   NOT NULL,
    PRIMARY KEY (origin, size)
);

CREATE TABLE cursors (
    follower TEXT PRIMARY KEY,
    seq      BIGINT NOT NULL
);

CREATE TABLE deliveries (
    id           BIGINT PRIMARY KEY,
    follower     TEXT    NOT NULL,
    seq          BIGINT  NOT NULL,
    event_id     TEXT    NOT NULL,
    incident     TEXT    NOT NULL,
    destination  TEXT    NOT NULL,
    lane         TEXT    NOT NULL,
    class        TEXT    NOT NULL,
    newest       BOOLEAN NOT NULL,
    payload      TEXT    NOT NULL,
    state        TEXT    NOT NULL CHECK (state IN ('pending', 'sent', 'superseded', 'parked')),
    attempts     BIGINT  NOT NULL DEFAULT 0,
    due_at       BIGINT  NOT NULL,
    leased_until BIGINT  NOT NULL DEFAULT 0,
    owner        TEXT    NOT NULL DEFAULT '',
    ref          TEXT    NOT NULL DEFAULT '',
    problem      TEXT    NOT NULL DEFAULT '',
    UNIQUE (follower, seq, destination)
);
CREATE INDEX deliveries_pending ON deliveries (follower, lane, id) WHERE state = 'pending';
CREATE INDEX deliveries_refs ON deliveries (incident, follower, destination, id) WHERE state = 'sent';
