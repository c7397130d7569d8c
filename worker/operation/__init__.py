"""What operators ask of a worker or a scheduler while it runs: figures, and whether it does its work."""
