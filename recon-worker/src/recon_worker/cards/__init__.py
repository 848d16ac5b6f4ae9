"""Card payments, the part that nobody waits for: holds are released when their time is over.

Must not do anything that a client asked for.
"""
