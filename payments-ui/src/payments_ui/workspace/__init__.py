"""The workspace that these pages run in, as its supervisor tells of it; it knows nothing of payments."""
