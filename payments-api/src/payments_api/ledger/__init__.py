"""Whether the books add up. Must not post."""
