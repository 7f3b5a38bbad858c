-- delete-photo: deletes a photo and its variants. Called by PhotoRows.delete, its row being locked.
-- $1 id
DELETE FROM storefront.photos WHERE id = $1::uuid
