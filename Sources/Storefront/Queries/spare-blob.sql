-- spare-blob: a blob's deletion is over, whether it was deleted or not. Called by BlobLock under take-blob-lock.
-- $1 digest
DELETE FROM storefront.doomed_blobs
WHERE digest = $1
