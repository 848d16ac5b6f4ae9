"""Direct payments: their rows, created in batches. Must not reconcile them."""
