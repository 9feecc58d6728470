from . import bill, portal, vend
