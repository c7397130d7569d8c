"""How several roles run in one terminal, and whether a role is ready and its services are fit."""
