"""What operators ask of the API process: health and metrics."""
