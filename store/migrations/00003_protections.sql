-- What protects a target beyond one run: a person's hold, the fencing token, the last failover. The row with the empty
-- target is the freeze of everything. It is always there, so that it can be held by whoever commits an intent.

-- +goose Up
CREATE TABLE protections (
    target TEXT PRIMARY KEY,
    doc    TEXT NOT NULL
);
INSERT INTO protections (target, doc) VALUES ('', '{}');
INSERT INTO protections (target, doc) SELECT DISTINCT target, '{}' FROM proposals WHERE target <> '';
