"""Which commit in which repository broke which step: a search from a good tuple of commits to a bad one."""
