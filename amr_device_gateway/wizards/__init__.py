from . import amr_meter_attach
