"""What every route shares at the HTTP edge: one rule each for bodies, problems, keys, tokens and limits.

Must not know any capability.
"""
