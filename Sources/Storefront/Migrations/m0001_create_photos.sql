-- m0001_create_photos: uploaded photos and what was made of them. Photo storage's only tables; their bytes are in the
-- blob store.

-- One row: the name of the blob store that belongs to this database.
CREATE TABLE storefront.blob_stores (
    id uuid PRIMARY KEY
);
INSERT INTO storefront.blob_stores (id) VALUES (gen_random_uuid());

CREATE TABLE storefront.photos (
    id             uuid PRIMARY KEY,
    job_id         uuid NOT NULL,           -- the photos.store job of its upload
    created_at     timestamptz NOT NULL DEFAULT now(),
    stored_at      timestamptz,             -- null until that job has made the variants
    original_bytes bigint NOT NULL,
    width          integer NOT NULL,        -- as the file's header says; upright once it is stored
    height         integer NOT NULL,
    format         text NOT NULL,           -- jpeg, png, webp, gif
    original       bytea NOT NULL CHECK (octet_length(original) = 32)   -- SHA-256: the blob's name
);
CREATE INDEX ON storefront.photos (original);

CREATE TABLE storefront.photo_variants (
    photo_id uuid NOT NULL REFERENCES storefront.photos ON DELETE CASCADE,
    box      integer NOT NULL,              -- neither side is longer, in pixels
    width    integer NOT NULL,
    height   integer NOT NULL,
    bytes    bigint NOT NULL,
    digest   bytea NOT NULL CHECK (octet_length(digest) = 32),
    PRIMARY KEY (photo_id, box)
);
CREATE INDEX ON storefront.photo_variants (digest);
