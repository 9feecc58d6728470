from . import payment, bill, portal, vend
