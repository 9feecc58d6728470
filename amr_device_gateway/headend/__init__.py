"""Head-end: the process that talks to meters, and the protocols it speaks.

Nothing below this package imports Odoo, and every import is relative, so that the
same code runs inside Odoo (``odoo.addons.amr_device_gateway.headend``), as a process
of its own, and under plain pytest.
"""
