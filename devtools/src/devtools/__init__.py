"""Opens, runs and proves a workspace of several repositories."""
