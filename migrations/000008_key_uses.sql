-- What a signing key signs (T39): keys of one use sign nothing of another. Those that were there signed access tokens, which
-- are validated by /jwks; so is what a program signs that does not know the column.
ALTER TABLE cambist.signing_keys
  ADD COLUMN use text NOT NULL DEFAULT 'sig';
