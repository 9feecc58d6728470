from . import amr_vend_sell
from . import amr_vend_resolve
