-- read-blob-store: the name of this database's blob store. Called by PhotoRows, once per process.
SELECT id FROM storefront.blob_stores
