"""Four eyes: what a second person agrees to before it is done."""
