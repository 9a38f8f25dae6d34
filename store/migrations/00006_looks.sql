-- What is asked after each commit and at each start, however much has piled up: which runs need a worker (those that are
-- undone were not in the old index, so every run that ever was had to be looked at), and the newest checkpoint.

-- +goose Up
CREATE INDEX runs_for_workers ON runs (state, queued_at) WHERE state IN ('queued', 'running', 'waiting', 'undoing');
DROP INDEX runs_open;
CREATE INDEX checkpoints_by_size ON checkpoints (size);
