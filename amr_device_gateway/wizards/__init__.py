from . import amr_card_reader_find
from . import amr_card_reader_find_line
from . import amr_meter_attach
