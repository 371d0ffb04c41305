-- A mark with a holder is no longer one of one use: whoever claims it again as the same holder may, and nobody else. So a
-- credential that is stolen is of no use with another key than the one it was first used with (UC-03).
ALTER TABLE cambist.one_use_marks ADD COLUMN holder text COLLATE "C";

-- Tokens of ours that count no longer: all that have the value, and were issued up to `at` (seconds since the epoch).
-- They are part of the state: one that is acknowledged is in force everywhere (I3).
CREATE TABLE cambist.revocations (
  what   text             NOT NULL,
  value  text COLLATE "C" NOT NULL,
  at     bigint           NOT NULL,
  until  bigint           NOT NULL,
  reason text             NOT NULL,
  author text             NOT NULL,
  PRIMARY KEY (what, value)
);

CREATE TYPE cambist.record_mark_2 AS (
  number integer, entry uuid, snapshot_version bigint, purpose text, issuer text, id text, until bigint, holder text
);

-- As commit_records_1, with holders. A credential that another key was first used with is no replay: it is bound.
CREATE FUNCTION cambist.commit_records_2(
  entries cambist.record_entry_1[], marks cambist.record_mark_2[],
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
    INSERT INTO cambist.one_use_marks (until, purpose, issuer, id, holder)
    SELECT m.until, m.purpose, m.issuer, m.id, m.holder FROM unnest(marks) m WHERE m.snapshot_version >= state_version
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS claimed = ROW_COUNT;
    IF claimed < cardinality(marks) THEN
      -- Ours are the marks that this transaction wrote, and those of the same holder.
      SELECT array_agg(m.number), array_agg(m.entry), array_agg(m.purpose) INTO taken, replayed, purposes
      FROM unnest(marks) m
      WHERE m.snapshot_version >= state_version AND NOT EXISTS (
        SELECT FROM cambist.one_use_marks k
        WHERE k.purpose = m.purpose AND k.issuer = m.issuer AND k.id = m.id
          AND (k.xmin = pg_current_xact_id()::xid OR k.holder = m.holder)
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
      CASE WHEN x.purpose IS NULL THEN e.reason WHEN x.purpose = 'first-use' THEN 'confirmation_unproven' ELSE 'replayed' END,
      e.client, e.subject_issuer, e.subject_id, e.lineage,
      CASE WHEN x.purpose IS NULL THEN e.jti END,
      CASE WHEN x.purpose IS NULL THEN e.token_hash END,
      e.targets,
      CASE WHEN x.purpose IS NULL THEN e.detail
        WHEN x.purpose = 'first-use' THEN 'This credential was first used with another key.'
        ELSE format('This %s has been used before.', x.purpose) END,
      CASE WHEN x.purpose IS NULL THEN e.granted END,
      e.body
    FROM unnest(entries) e
    CROSS JOIN LATERAL (SELECT purposes[array_position(replayed, e.id)] AS purpose) x
    WHERE e.snapshot_version >= state_version;
  END IF;
END
$$;
