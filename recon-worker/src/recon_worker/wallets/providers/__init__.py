"""Mobile-money providers behind one Protocol. Must not touch the database."""
