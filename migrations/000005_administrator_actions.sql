-- What administrators did that changes no document and so stands in no revision: what they had explained, judged again,
-- and whatever else only looks. `about` says what it was about in names and hashes, and never in tokens.
CREATE TABLE cambist.administrator_actions (
  seq           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id            uuid        NOT NULL UNIQUE,
  at            timestamptz NOT NULL,
  administrator text        NOT NULL,
  action        text        NOT NULL,
  about         json        NOT NULL
);

-- Append-only, also for the owner, as far as an owner can bind itself (T29, T40).
REVOKE UPDATE, DELETE, TRUNCATE ON cambist.administrator_actions FROM CURRENT_USER;
