"""Country rules as files and in SQL: read, compared, imported, corrected."""
