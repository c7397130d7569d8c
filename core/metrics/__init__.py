"""What operators read as figures: the catalogue of all metrics, and the counts that the processes of a role share."""
