"""Facts in the past tense, written in the transaction that makes them true. Must not deliver them."""
