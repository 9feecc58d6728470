from . import amr_portal_login
