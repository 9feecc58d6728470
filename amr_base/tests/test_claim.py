from contextlib import closing

from psycopg2.errors import SerializationFailure

from odoo import api
from odoo.sql_db import db_connect
from odoo.tests import BaseCase, get_db_name, tagged

from odoo.addons.amr_base.tools import claim_rows


@tagged("post_install", "-at_install")
class TestClaim(BaseCase):
    """Two people at one record, in two real transactions; nothing of it changes."""

    def test_whoever_claims_second_is_sent_back_to_see_what_the_first_did(self):
        database = db_connect(get_db_name())
        with (
            closing(database.cursor()) as first,
            closing(database.cursor()) as second,
        ):
            for cr in (first, second):
                cr.execute("SELECT write_date FROM res_currency WHERE id = 1")
            mine, its = (
                api.Environment(cr, api.SUPERUSER_ID, {})["res.currency"].browse(1)
                for cr in (first, second)
            )
            claim_rows(mine)
            first.commit()
            with self.assertRaises(SerializationFailure):
                claim_rows(its)
            second.rollback()
            claim_rows(its)
            second.rollback()
