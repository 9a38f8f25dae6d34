-- How long steps took that were seen done, so that one that takes longer than usual can be told.

-- +goose Up
CREATE TABLE step_times (
    run_id  TEXT   NOT NULL,
    number  BIGINT NOT NULL,
    kind    TEXT   NOT NULL,
    target  TEXT   NOT NULL,
    runbook TEXT   NOT NULL,
    step    TEXT   NOT NULL,
    at      BIGINT NOT NULL,
    took    BIGINT NOT NULL,
    PRIMARY KEY (run_id, number)
);
CREATE INDEX step_times_of ON step_times (kind, target, runbook, step, at);
