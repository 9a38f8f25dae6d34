-- What each replica last knew of a cluster's primary, for the replicas that did not see it before it died.

-- +goose Up
CREATE TABLE samples (
    cluster TEXT   NOT NULL,
    node    TEXT   NOT NULL,
    at      BIGINT NOT NULL,
    doc     TEXT   NOT NULL,
    PRIMARY KEY (cluster, node)
);
-- Up to this entry the log may have had another continuation, which is lost: what follows from these entries may have
-- been said already.
INSERT INTO counters (name, n) VALUES ('mended', 0);
