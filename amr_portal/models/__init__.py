from . import (
    account_move,
    amr_account,
    amr_account_login,
    amr_agreement,
    amr_charge,
    amr_vend,
    payment_token,
    payment_transaction,
)
