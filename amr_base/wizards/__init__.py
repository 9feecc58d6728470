from . import amr_operator
