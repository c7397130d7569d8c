"""How claims, marks, progress and results are kept and handed off where the broker is Redis."""
