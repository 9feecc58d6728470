from . import (
    test_access,
    test_access_walk,
    test_amount,
    test_bill_payment,
    test_catalogues,
    test_chart,
    test_invite,
    test_login_slip,
    test_one_payment,
    test_portal,
    test_recharge,
    test_tours,
)
