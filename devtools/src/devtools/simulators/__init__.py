"""The outside world in small: a mobile-money provider simulator as a real HTTP service.

It knows nothing of our own database, wire models or programs: it has books of its own to be compared with.
"""
