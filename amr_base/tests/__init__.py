from . import test_archive, test_estate, test_room_batch, test_scope, test_tariff
