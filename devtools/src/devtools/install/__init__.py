"""Making and locking the workspace's environment. Knows nothing of what the installed packages do."""
