from . import bill, payment, payment_status, portal, vend
