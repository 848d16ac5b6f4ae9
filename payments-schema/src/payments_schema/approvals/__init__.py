"""What needs a second person: asked for by one, decided by another."""
