from . import headend
