"""How processes become roles: what they stand on, the table of roles, a role's life, and all of them on one machine."""
