from .decimals import dec
