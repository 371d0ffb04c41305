-- Blocks of indexes in status lists, numbered over all lists: no number is ever given twice.
CREATE SEQUENCE cambist.status_blocks AS bigint MINVALUE 0 START 0;
