-- The state that administrators and key rotation change, and the record of every exchange.
-- The schema exists already: migrate.ts makes it, because a role may own the schema without owning the database.

CREATE TABLE cambist.state (
  one     boolean PRIMARY KEY DEFAULT true CHECK (one),
  version bigint  NOT NULL
);
INSERT INTO cambist.state (version) VALUES (0);

-- json and not jsonb where nothing is asked of the inside: the text comes back as it was written, and costs less to write.
CREATE TABLE cambist.documents (
  kind        text   NOT NULL,
  name        text   NOT NULL,
  api_version text   NOT NULL,
  labels      json,
  spec        json   NOT NULL,
  changed_in  bigint NOT NULL,
  PRIMARY KEY (kind, name)
);

CREATE TABLE cambist.revisions (
  version bigint      PRIMARY KEY,
  at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  author  text        NOT NULL,
  message text        NOT NULL,
  changes json        NOT NULL
);

-- What each version wrote; a null document was deleted. The state of any version is, for each document, its newest
-- row of that version or before.
CREATE TABLE cambist.document_history (
  kind     text   NOT NULL,
  name     text   NOT NULL,
  version  bigint NOT NULL,
  document json,
  PRIMARY KEY (kind, name, version)
);

CREATE TABLE cambist.signing_keys (
  kid        text   PRIMARY KEY,
  algorithm  text   NOT NULL,
  public_jwk json   NOT NULL,
  backend    text   NOT NULL,
  wrapped    text   NOT NULL,
  created_at bigint NOT NULL,
  active_at  bigint NOT NULL,
  retired_at bigint,
  remove_at  bigint
);

-- Purpose and issuer are part of the key: identifiers of different purposes or issuers never meet (T10).
-- Bytes are compared and not words, whatever the collation of the database.
CREATE TABLE cambist.one_use_marks (
  until   bigint           NOT NULL,
  purpose text COLLATE "C" NOT NULL,
  issuer  text COLLATE "C" NOT NULL,
  id      text COLLATE "C" NOT NULL,
  PRIMARY KEY (purpose, issuer, id)
);
CREATE INDEX one_use_marks_until ON cambist.one_use_marks (until);

-- What is filtered by has a column; granted and body hold JSON, as text because reading it once more on the way in
-- would cost as much as the rest of the row. Each index is paid for on the road of every exchange: these few are made
-- in the order of time, so that their inserts go to the last page. A record that begins its lineage has none here.
CREATE TABLE cambist.records (
  seq              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at               timestamptz NOT NULL,
  decided_at       timestamptz NOT NULL,
  snapshot_version bigint      NOT NULL,
  id               uuid        NOT NULL UNIQUE,
  outcome          text        NOT NULL,
  reason           text        NOT NULL,
  client           text        NOT NULL,
  subject_issuer   text,
  subject_id       text,
  lineage          text COLLATE "C",
  jti              text COLLATE "C",
  token_hash       text,
  targets          text[]      NOT NULL,
  detail           text        NOT NULL,
  granted          text,
  body             text        NOT NULL
) WITH (toast_tuple_target = 8160);
CREATE INDEX records_lineage ON cambist.records (lineage) WHERE lineage IS NOT NULL;
CREATE INDEX records_jti ON cambist.records (jti) WHERE jti IS NOT NULL;
CREATE INDEX records_at ON cambist.records USING brin (at) WITH (autosummarize = on);

-- Append-only, also for the owner, as far as an owner can bind itself (T29, T40).
REVOKE UPDATE, DELETE, TRUNCATE ON cambist.records FROM CURRENT_USER;

-- What the ledger sends, in the binary form of PostgreSQL. A later form is a further pair of types and function beside
-- these, so that older and newer programs run side by side (F17).
CREATE TYPE cambist.record_entry_1 AS (
  at timestamptz, decided_at timestamptz, snapshot_version bigint, id uuid, outcome text, reason text, client text,
  subject_issuer text, subject_id text, lineage text, jti text, token_hash text, targets text[], detail text,
  granted text, body text
);
CREATE TYPE cambist.record_mark_1 AS (
  number integer, entry uuid, snapshot_version bigint, purpose text, issuer text, id text, until bigint
);

-- One batch of the ledger: marks, then rows, in one transaction and one round trip. Returns the version of the state
-- and the numbers of the marks that were taken already, null where there are none.
--
-- A change of the state takes the lock exclusively before it commits. So while this function holds it shared, the
-- version cannot move, and once a change was acknowledged every batch sees its version here (T41). The version is read
-- by a later statement than the lock's: in READ COMMITTED each statement of a volatile function sees what was
-- committed before that statement began.
--
-- A mark that was there already makes its entry a refusal without a token. Entries decided under an older version
-- leave nothing behind. The caller sees to it that no two entries of a batch claim the same mark, and that all batches
-- claim marks in the same order, so that no two of them wait for each other.
CREATE FUNCTION cambist.commit_records_1(
  entries cambist.record_entry_1[], marks cambist.record_mark_1[],
  OUT state_version bigint, OUT taken integer[]
) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  claimed integer;
  replayed uuid[];
  purposes text[];
BEGIN
  PERFORM pg_advisory_xact_lock_shared(1667329378, 3);
  SELECT s.version INTO state_version FROM cambist.state s;

  IF marks IS NOT NULL THEN
    INSERT INTO cambist.one_use_marks (until, purpose, issuer, id)
    SELECT m.until, m.purpose, m.issuer, m.id FROM unnest(marks) m WHERE m.snapshot_version >= state_version
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS claimed = ROW_COUNT;
    IF claimed < cardinality(marks) THEN
      -- Ours are the marks that this transaction wrote.
      SELECT array_agg(m.number), array_agg(m.entry), array_agg(m.purpose) INTO taken, replayed, purposes
      FROM unnest(marks) m
      WHERE m.snapshot_version >= state_version AND NOT EXISTS (
        SELECT FROM cambist.one_use_marks k
        WHERE k.purpose = m.purpose AND k.issuer = m.issuer AND k.id = m.id AND k.xmin = pg_current_xact_id()::xid
      );
    END IF;
  END IF;

  IF replayed IS NULL THEN
    INSERT INTO cambist.records (at, decided_at, snapshot_version, id, outcome, reason, client, subject_issuer,
      subject_id, lineage, jti, token_hash, targets, detail, granted, body)
    SELECT e.at, e.decided_at, e.snapshot_version, e.id, e.outcome, e.reason, e.client, e.subject_issuer,
      e.subject_id, e.lineage, e.jti, e.token_hash, e.targets, e.detail, e.granted, e.body
    FROM unnest(entries) e
    WHERE e.snapshot_version >= state_version;
  ELSE
    INSERT INTO cambist.records (at, decided_at, snapshot_version, id, outcome, reason, client, subject_issuer,
      subject_id, lineage, jti, token_hash, targets, detail, granted, body)
    SELECT e.at, e.decided_at, e.snapshot_version, e.id,
      CASE WHEN x.purpose IS NULL THEN e.outcome ELSE 'refused' END,
      CASE WHEN x.purpose IS NULL THEN e.reason ELSE 'replayed' END,
      e.client, e.subject_issuer, e.subject_id, e.lineage,
      CASE WHEN x.purpose IS NULL THEN e.jti END,
      CASE WHEN x.purpose IS NULL THEN e.token_hash END,
      e.targets,
      CASE WHEN x.purpose IS NULL THEN e.detail ELSE format('This %s has been used before.', x.purpose) END,
      CASE WHEN x.purpose IS NULL THEN e.granted END,
      e.body
    FROM unnest(entries) e
    CROSS JOIN LATERAL (SELECT purposes[array_position(replayed, e.id)] AS purpose) x
    WHERE e.snapshot_version >= state_version;
  END IF;
END
$$;
