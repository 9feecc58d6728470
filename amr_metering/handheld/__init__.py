"""Route books and the way they are carried to a handheld. Knows nothing of Odoo."""
