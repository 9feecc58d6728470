from . import (
    test_access,
    test_amount,
    test_catalogues,
    test_chart,
    test_invite,
    test_portal,
    test_recharge,
    test_tours,
)
