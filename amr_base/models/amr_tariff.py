from odoo import api, fields, models
from odoo.exceptions import UserError


class AmrTariff(models.Model):
    """Tariff (收费类型) of one utility; its prices live in dated versions.

    A price change is a new version that takes over by itself; a tariff is never deleted
    and made again (KTAMR manual 3.1.1).
    """

    _name = "amr.tariff"
    _inherit = "mail.thread"
    _description = "Tariff"
    _order = "utility_id, name"

    name = fields.Char(required=True, translate=True)
    code = fields.Char()
    utility_id = fields.Many2one("amr.utility", required=True, ondelete="restrict")
    uom_name = fields.Char(related="utility_id.uom_name")
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    version_ids = fields.One2many("amr.tariff.version", "tariff_id", copy=True)
    default_for = fields.Selection(
        [("residential", "Residential rooms"), ("commercial", "Commercial rooms")],
        "Default for",
        copy=False,
        help="New agreements of such rooms begin with this tariff.",
    )
    current_version_id = fields.Many2one(
        "amr.tariff.version", compute="_compute_current_version_id"
    )
    current_price = fields.Float(
        "Price today",
        compute="_compute_current_version_id",
        digits="AMR Unit Price",
    )
    note = fields.Text()
    active = fields.Boolean(default=True)

    _default_once = models.UniqueIndex(
        "(company_id, utility_id, default_for) "
        "WHERE default_for IS NOT NULL AND active",
        "This utility has a default tariff for such rooms already.",
    )

    @api.depends("version_ids.date_from", "version_ids.date_to", "version_ids.price")
    def _compute_current_version_id(self):
        today = fields.Date.context_today(self)
        for tariff in self:
            tariff.current_version_id = tariff._version_at(today)
            tariff.current_price = tariff.current_version_id.price

    def _version_at(self, day):
        """Return the version in force on ``day``, or an empty recordset."""
        self.ensure_one()
        return self.version_ids.filtered(
            lambda v: v.date_from <= day and (not v.date_to or day < v.date_to)
        )[:1]

    def _has_ended(self, day):
        """Return whether all versions have ended by ``day``: not for new agreements."""
        self.ensure_one()
        ends = self.version_ids.mapped("date_to")
        return bool(ends) and all(end and end <= day for end in ends)

    @api.model
    def _get_default(self, company, utility, usage):
        """Return the default tariff of a kind of rooms, or an empty recordset."""
        return self.search(
            [
                ("company_id", "=", company.id),
                ("utility_id", "=", utility.id),
                ("default_for", "=", usage or "residential"),
            ],
            limit=1,
        )

    def _versions_between(self, date_from, date_to):
        """Return the versions in force at some time of [date_from, date_to)."""
        self.ensure_one()
        return self.version_ids.filtered(
            lambda v: v.date_from < date_to and (not v.date_to or v.date_to > date_from)
        ).sorted("date_from")

    def _is_used(self):
        """Return whether something was agreed or billed on this tariff (hook)."""
        self.ensure_one()
        return False

    def copy_data(self, default=None):
        names = [
            (default or {}).get("name") or self.env._("%s (copy)", tariff.name)
            for tariff in self
        ]
        return [
            {**vals, "name": name}
            for vals, name in zip(super().copy_data(default), names, strict=True)
        ]

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        for tariff in self:
            if tariff._is_used():
                raise UserError(
                    self.env._(
                        "Tariff %(name)s is in use and cannot be deleted. Archive it, "
                        "or end its last version.",
                        name=tariff.display_name,
                    )
                )
