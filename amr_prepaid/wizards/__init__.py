from . import amr_charge_resolve
from . import amr_vend_sell
from . import amr_vend_resolve
