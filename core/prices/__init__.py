"""The price list: what a segment costs, by country and sender type; in a file and in SQL."""
