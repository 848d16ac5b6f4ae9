"""The full-screen view of a running workspace, in a terminal.

It must not run anything itself: closing it leaves everything as it is.
"""
