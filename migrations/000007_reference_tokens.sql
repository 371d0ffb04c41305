-- What opaque tokens stand for, by the hash of the token: asked for by every introspection, and gone when the token is
-- (seconds since the epoch). What the exchange was is on its record, and stays there.
CREATE TABLE cambist.reference_tokens (
  token_hash text COLLATE "C" PRIMARY KEY,
  until      bigint NOT NULL,
  claims     text   NOT NULL
);
CREATE INDEX reference_tokens_until ON cambist.reference_tokens (until);

CREATE TYPE cambist.reference_token_1 AS (token_hash text, entry uuid, until bigint, claims text);

-- As commit_records_2, for batches in which somebody is given an opaque token. A token stands for something where its record
-- says that it was issued: not where the entry was stale, and not where its mark was taken.
CREATE FUNCTION cambist.commit_records_3(
  entries cambist.record_entry_1[], marks cambist.record_mark_2[], tokens cambist.reference_token_1[],
  OUT state_version bigint, OUT taken integer[]
) LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  SELECT c.state_version, c.taken INTO state_version, taken FROM cambist.commit_records_2(entries, marks) c;
  INSERT INTO cambist.reference_tokens (token_hash, until, claims)
  SELECT t.token_hash, t.until, t.claims FROM unnest(tokens) t
  JOIN cambist.records r ON r.id = t.entry AND r.token_hash = t.token_hash;
END
$$;
