"""The operators' pages of the payments platform."""
