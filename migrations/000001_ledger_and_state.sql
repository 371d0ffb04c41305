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
CREATE TABLE cambist.one_use_marks (
  until   bigint NOT NULL,
  purpose text   NOT NULL,
  issuer  text   NOT NULL,
  id      text   NOT NULL,
  PRIMARY KEY (purpose, issuer, id)
);
CREATE INDEX one_use_marks_until ON cambist.one_use_marks (until);

-- What is filtered by has a column, the rest is in body. Each index is paid for on the road of every exchange: these
-- four keys are made in the order of time, so their inserts go to the last page.
CREATE TABLE cambist.records (
  seq              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at               timestamptz NOT NULL,
  decided_at       timestamptz NOT NULL,
  snapshot_version bigint      NOT NULL,
  id               uuid        NOT NULL UNIQUE,
  outcome          text        NOT NULL CHECK (outcome IN ('granted', 'refused', 'failed')),
  reason           text        NOT NULL,
  client           text        NOT NULL,
  subject_issuer   text,
  subject_id       text,
  lineage          text        NOT NULL,
  jti              text,
  token_hash       text,
  targets          text[]      NOT NULL,
  detail           text        NOT NULL,
  granted          json,
  body             json        NOT NULL
) WITH (toast_tuple_target = 8160);
CREATE INDEX records_lineage ON cambist.records (lineage);
CREATE INDEX records_jti ON cambist.records (jti) WHERE jti IS NOT NULL;
CREATE INDEX records_at ON cambist.records USING brin (at) WITH (autosummarize = on);

-- Append-only, also for the owner, as far as an owner can bind itself (T29, T40).
REVOKE UPDATE, DELETE, TRUNCATE ON cambist.records FROM CURRENT_USER;

-- One batch of the ledger: marks, then rows, in one transaction and one round trip.
--
-- A change of the state takes the lock exclusively before it commits. So while this function holds it shared, the
-- version cannot move, and once a change was acknowledged every batch sees its version here (T41). The version is read
-- by a later statement than the lock's: in READ COMMITTED each statement of a volatile function sees what was
-- committed before that statement began.
--
-- A mark that was there already makes its entry a refusal without a token. Entries decided under an older version
-- leave nothing behind. The caller sees to it that no two entries of a batch claim the same mark.
CREATE FUNCTION cambist.commit_records_1(entries json, marks json, OUT state_version bigint, OUT taken integer[])
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
  replayed uuid[];
  purposes text[];
BEGIN
  PERFORM pg_advisory_xact_lock_shared(1667329378, 3);
  SELECT s.version INTO state_version FROM cambist.state s;

  IF marks IS NOT NULL THEN
    WITH wanted AS MATERIALIZED (
      SELECT * FROM json_to_recordset(marks) AS m (n integer, e uuid, v bigint, p text, i text, d text, u bigint)
      WHERE m.v >= state_version
    ), claimed AS (
      INSERT INTO cambist.one_use_marks AS k (until, purpose, issuer, id)
      SELECT w.u, w.p, w.i, w.d FROM wanted w ORDER BY w.p, w.i, w.d
      ON CONFLICT DO NOTHING
      RETURNING k.purpose, k.issuer, k.id
    )
    SELECT array_agg(w.n), array_agg(w.e), array_agg(w.p) INTO taken, replayed, purposes
    FROM wanted w
    WHERE NOT EXISTS (SELECT FROM claimed c WHERE c.purpose = w.p AND c.issuer = w.i AND c.id = w.d);
  END IF;

  IF replayed IS NULL THEN
    INSERT INTO cambist.records (at, decided_at, snapshot_version, id, outcome, reason, client, subject_issuer,
      subject_id, lineage, jti, token_hash, targets, detail, granted, body)
    SELECT to_timestamp(e.at / 1000), to_timestamp(e.da / 1000), e.v, e.id, e.o, e.r, e.c, e.si,
      e.s, e.l, e.j, e.h, e.t, e.d, e.g, e.b
    FROM json_to_recordset(entries) AS e (at float8, da float8, v bigint, id uuid, o text, r text, c text, si text,
      s text, l text, j text, h text, t text[], d text, g json, b json)
    WHERE e.v >= state_version;
  ELSE
    INSERT INTO cambist.records (at, decided_at, snapshot_version, id, outcome, reason, client, subject_issuer,
      subject_id, lineage, jti, token_hash, targets, detail, granted, body)
    SELECT to_timestamp(e.at / 1000), to_timestamp(e.da / 1000), e.v, e.id,
      CASE WHEN x.purpose IS NULL THEN e.o ELSE 'refused' END,
      CASE WHEN x.purpose IS NULL THEN e.r ELSE 'replayed' END,
      e.c, e.si, e.s, e.l,
      CASE WHEN x.purpose IS NULL THEN e.j END,
      CASE WHEN x.purpose IS NULL THEN e.h END,
      e.t,
      CASE WHEN x.purpose IS NULL THEN e.d ELSE format('This %s has been used before.', x.purpose) END,
      CASE WHEN x.purpose IS NULL THEN e.g END,
      e.b
    FROM json_to_recordset(entries) AS e (at float8, da float8, v bigint, id uuid, o text, r text, c text, si text,
      s text, l text, j text, h text, t text[], d text, g json, b json)
    LEFT JOIN LATERAL (
      SELECT purposes[array_position(replayed, e.id)] AS purpose
    ) x ON true
    WHERE e.v >= state_version;
  END IF;
END
$$;
