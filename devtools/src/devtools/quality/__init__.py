"""The checks and tests of every repository, as one run. Knows the repositories' tools, not their contents."""
