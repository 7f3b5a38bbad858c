-- m0007_own_photos: whose a photo is. One that a program has uploaded is nobody's.

ALTER TABLE storefront.photos ADD COLUMN owner uuid REFERENCES storefront.users ON DELETE SET NULL;
CREATE INDEX ON storefront.photos (owner) WHERE owner IS NOT NULL;
