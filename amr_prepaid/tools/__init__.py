from .locking import lock_rows
