"""The repositories of a workspace: cloned when missing."""
