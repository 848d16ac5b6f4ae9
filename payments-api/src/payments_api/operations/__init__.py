"""What operators see and nobody else: every kind of payment in one list, the story of one, exports."""
