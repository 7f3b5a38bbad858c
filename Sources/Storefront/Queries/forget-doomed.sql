-- forget-doomed: blobs whose deletion was never heard of again, and cannot happen any more. Called by BlobSweeper.
DELETE FROM storefront.doomed_blobs
WHERE doomed_until <= clock_timestamp()
