"""A change over several repositories as one thing: begun, committed, verified, published, landed."""
