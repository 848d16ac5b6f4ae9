"""The background process that runs a workspace; its process must stay lean (standard library only)."""
