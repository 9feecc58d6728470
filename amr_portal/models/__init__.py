from . import amr_account, amr_agreement, amr_charge, amr_vend
