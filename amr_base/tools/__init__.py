from .decimals import dec
from .locking import claim_rows, lock_rows
