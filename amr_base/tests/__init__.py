from . import (
    test_access_walk,
    test_archive,
    test_claim,
    test_estate,
    test_operation_log,
    test_operator,
    test_room_batch,
    test_scope,
    test_tariff,
)
