-- pay-order: writes that a pending order is paid. Called by OrderRows.pay, the order's row being locked.
-- $1 id  $2 the receipt's job
UPDATE storefront.orders
SET state = 'paid', ended_at = now(), receipt_id = $2::uuid
WHERE id = $1::uuid AND state = 'pending'
