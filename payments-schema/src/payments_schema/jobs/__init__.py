"""Messages for the workers, written in the caller's transaction. Must not run them."""
