-- lift-suppression: sends mail to an address again. Called by EmailRows.lift.
-- $1 address in lower case
DELETE FROM storefront.suppressions WHERE address = $1::text
