def pre_init_hook(env):
    """Exclusion constraints over (id, range) need PostgreSQL's btree_gist."""
    env.cr.execute("CREATE EXTENSION IF NOT EXISTS btree_gist")
