import re

from odoo import api, fields, models
from odoo.exceptions import ValidationError

# what is watched, and the field of the limit
LIMITS = {
    "voltage": "voltage_max",
    "current": "current_max",
    "neutral": "neutral_max",
    "day": "day_max",
    "month": "month_max",
    "night": "night_max",
    "remaining": "remaining_min",
}
PHONE = re.compile(r"\+?[0-9][0-9-]{4,19}")


def check_phones(record, phones):
    """Refuse what is no list of phone numbers.

    :raises ValidationError: names the wrong one
    """
    for phone in filter(None, (part.strip() for part in (phones or "").split(","))):
        if not PHONE.fullmatch(phone):
            raise ValidationError(
                record.env._(
                    "“%s” is not a phone number. Use digits, and a comma between two "
                    "numbers.",
                    phone,
                )
            )


class AmrAlarmLimit(models.Model):
    """Limits that meters share, and who is told (DH6200V3 manual, 2.2).

    The most specific set holds for a meter: one for its model before one for its
    community before one for its utility. A meter may have limits of its own.
    """

    _name = "amr.alarm.limit"
    _description = "Alarm limits"
    _order = "utility_id, model_id, community_id, id"

    utility_id = fields.Many2one(
        "amr.utility",
        compute="_compute_utility_id",
        store=True,
        readonly=False,
        index="btree_not_null",
        help="Empty: for meters of all utilities.",
    )
    model_id = fields.Many2one(
        "amr.meter.model", index="btree_not_null", help="Empty: all models."
    )
    community_id = fields.Many2one(
        "amr.community", index="btree_not_null", help="Empty: all communities."
    )
    company_id = fields.Many2one(
        "res.company", compute="_compute_company_id", store=True, readonly=False
    )
    enabled = fields.Boolean("Alarms on", default=True)
    voltage_max = fields.Float(
        "Voltage max. (V)", digits=(8, 2), help="0: not watched."
    )
    current_max = fields.Float(
        "Current max. (A)", digits=(8, 2), help="0: not watched."
    )
    neutral_max = fields.Float(
        "Neutral difference max. (A)",
        digits=(8, 2),
        help="By how much the currents of neutral and phase may differ on single-phase "
        "meters that measure both: more means that something is supplied past the "
        "meter (theft). 0: not watched.",
    )
    day_max = fields.Float(
        "Use a day max.",
        digits="AMR Consumption",
        help="In the utility's unit, factor applied; 0: not watched.",
    )
    month_max = fields.Float(
        "Use a month max.",
        digits="AMR Consumption",
        help="Use since the first of the month; 0: not watched.",
    )
    night_max = fields.Float(
        "Use a night max.",
        digits="AMR Consumption",
        help="Use from 00:00 to 06:00, such as of a leak; 0: not watched.",
    )
    remaining_min = fields.Float(
        "Remaining min.",
        digits="AMR Consumption",
        help="Credit left on a prepaid meter; public meters raise no alarm. 0: not "
        "watched.",
    )
    user_ids = fields.Many2many(
        "res.users",
        string="Users told",
        domain=[("share", "=", False)],
        help="Name two or more. Nobody named: the manager of the community.",
    )
    phones = fields.Char(
        "Phones told", help="Phone numbers with commas between; two or more people."
    )
    active = fields.Boolean(default=True)

    _scope_unique = models.UniqueIndex(
        "(COALESCE(company_id, 0), COALESCE(model_id, 0), COALESCE(community_id, 0),"
        " COALESCE(utility_id, 0)) WHERE active",
        "There are limits for this utility, model and community already; change those.",
    )
    _limits_positive = models.Constraint(
        "CHECK (LEAST(voltage_max, current_max, neutral_max, day_max, month_max,"
        " night_max, remaining_min) >= 0)",
        "A limit may not be negative; 0 switches it off.",
    )

    @api.depends("model_id")
    def _compute_utility_id(self):
        for limit in self:
            limit.utility_id = limit.model_id.utility_id or limit.utility_id

    @api.depends("community_id")
    def _compute_company_id(self):
        for limit in self:
            limit.company_id = limit.community_id.company_id or limit.company_id

    @api.depends("utility_id", "model_id", "community_id")
    def _compute_display_name(self):
        for limit in self:
            scope = (limit.community_id, limit.model_id or limit.utility_id)
            names = [record.display_name for record in scope if record]
            limit.display_name = " · ".join(names) or self.env._("All meters")

    @api.constrains("phones")
    def _check_phones(self):
        for limit in self:
            check_phones(limit, limit.phones)
