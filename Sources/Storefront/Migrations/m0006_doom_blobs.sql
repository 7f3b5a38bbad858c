-- m0006_doom_blobs: blobs of a bucket whose deletion has been decided. What stands here is not referred to anew: a distant
-- service may delete a blob some time after it was asked to, also when nobody has heard an answer. See docs/decisions/0018.

CREATE TABLE storefront.doomed_blobs (
    digest       bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
    doomed_until timestamptz NOT NULL       -- no request to delete it is carried out after that
);
