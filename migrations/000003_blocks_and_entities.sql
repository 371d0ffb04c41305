-- Who and what may not take part in exchanges. They are part of the state: one that is acknowledged is in force everywhere.
CREATE TABLE cambist.blocks (
  id     uuid             PRIMARY KEY,
  what   text             NOT NULL,
  value  text COLLATE "C" NOT NULL,
  -- the TrustedIssuer of one credential, '' for all else
  issuer text COLLATE "C" NOT NULL,
  reason text             NOT NULL,
  author text             NOT NULL,
  at     bigint           NOT NULL,
  until  bigint
);

-- What is made of the record beside the road, and how far: everything up to `seq` is in it.
CREATE TABLE cambist.projections (
  name text   PRIMARY KEY,
  seq  bigint NOT NULL
);
INSERT INTO cambist.projections (name, seq) VALUES ('entities', 0);

-- Everybody who has taken part (UC-45), as the record tells; labels alone are an administrator's. `number` is the order of
-- their appearance. An id can be longer than an index holds, so its digest is the key.
CREATE TABLE cambist.entities (
  number     bigint           GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  key        bytea            NOT NULL UNIQUE,
  id         text COLLATE "C" NOT NULL,
  issuer     text             NOT NULL,
  kind       text             NOT NULL,
  first_seen timestamptz      NOT NULL,
  last_seen  timestamptz      NOT NULL,
  granted    bigint           NOT NULL,
  refused    bigint           NOT NULL,
  rules      text[]           NOT NULL,
  instances  text[]           NOT NULL,
  labels     json             NOT NULL DEFAULT '{}',
  revision   integer          NOT NULL DEFAULT 0
);

-- Where an entity stands in the record: an index that no exchange has to write.
CREATE TABLE cambist.entity_records (
  entity bigint NOT NULL,
  seq    bigint NOT NULL,
  PRIMARY KEY (entity, seq)
);

-- What administrators have said of entities, in order; nothing of it is ever changed.
CREATE TABLE cambist.entity_changes (
  entity   bigint      NOT NULL,
  revision integer     NOT NULL,
  at       timestamptz NOT NULL,
  author   text        NOT NULL,
  -- as they were written: a null took one away
  labels   json        NOT NULL,
  notes    text[]      NOT NULL,
  PRIMARY KEY (entity, revision)
);

-- The longest life of a token that was issued in an hour: how far back a living lineage can reach.
CREATE TABLE cambist.longest_lives (
  hour    timestamptz PRIMARY KEY,
  seconds integer     NOT NULL
);
