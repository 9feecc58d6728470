from . import test_estate, test_room_batch, test_scope, test_tariff
