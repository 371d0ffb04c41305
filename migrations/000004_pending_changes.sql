-- Changes that wait for a second person (T36): what was asked, whole, and what it would have changed when it was asked.
-- A row is decided once, in the transaction of the change it becomes; nothing of it is in force before.
CREATE TABLE cambist.pending_changes (
  id           uuid        PRIMARY KEY,
  at           timestamptz NOT NULL DEFAULT clock_timestamp(),
  author       text        NOT NULL,
  -- Who the author is, whatever the name: nobody approves what is their own.
  principal    text        NOT NULL,
  message      text        NOT NULL,
  base_version bigint      NOT NULL,
  intent       json        NOT NULL,
  changes      json        NOT NULL,
  confirmed    boolean     NOT NULL,
  state        text        NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'approved', 'withdrawn', 'stale')),
  decided_by   text,
  decided_at   timestamptz,
  -- The version that an approved one became.
  version      bigint
);

ALTER TABLE cambist.revisions ADD COLUMN approved_by text;
