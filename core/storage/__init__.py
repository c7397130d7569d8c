"""SQL for everybody: engine and sessions, tables, statements, migrations, epochs and stored decisions."""
