from odoo import fields, models
from odoo.exceptions import UserError


class AmrUtility(models.Model):
    """What is metered: electricity, water, gas, heat (KTAMR manual 3.1)."""

    _name = "amr.utility"
    _description = "Utility"
    _order = "sequence, id"

    name = fields.Char(required=True, translate=True)
    code = fields.Selection(
        [
            ("electricity", "Electricity"),
            ("cold_water", "Cold water"),
            ("hot_water", "Hot water"),
            ("purified_water", "Purified water"),
            ("gas", "Gas"),
            ("heat", "Heat"),
        ],
        required=True,
    )
    uom_id = fields.Many2one("uom.uom", "Unit", required=True)
    uom_name = fields.Char("Unit symbol", required=True, help="As printed on bills.")
    icon = fields.Char(help="Font Awesome icon, such as fa-bolt.")
    color = fields.Integer()
    sequence = fields.Integer(default=10)
    date_end = fields.Date(
        "Valid until", help="A utility is not deleted; its use ends on this day."
    )
    active = fields.Boolean(default=True)

    _code_unique = models.Constraint("UNIQUE (code)", "This utility exists already.")

    def _check_valid(self, day):
        """Refuse to use a utility after its validity has ended (KTAMR manual 3.1.2).

        :raises UserError: one of these has ended by ``day``
        """
        for utility in self:
            if utility.date_end and utility.date_end <= day:
                raise UserError(
                    self.env._(
                        "%(utility)s is not used any more since %(day)s.",
                        utility=utility.name,
                        day=utility.date_end,
                    )
                )
