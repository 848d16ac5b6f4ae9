"""The HTTP surface of the payments platform."""
