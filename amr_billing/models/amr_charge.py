from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tools import SQL

from odoo.addons.amr_base.tools import dec

from .charge_text import component_text, period_text, plain

# Everything else is a snapshot: it explains a bill for ever.
CHANGING_FIELDS = {"move_line_id", "reversed", "released"}


class AmrCharge(models.Model):
    """Charge (计费明细): one priced piece of one agreement's consumption.

    It snapshots indexes, factor, price and tariff version over [start, end), never
    changes by itself and is never deleted; a trigger in the database sees to both. A
    bill that is credited in full marks its charges as reversed, and as released if
    the consumption is to be billed again.
    """

    _name = "amr.charge"
    _description = "Charge"
    _order = "start_at desc, account_id, agreement_id, component"
    _rec_name = "explanation"

    agreement_id = fields.Many2one(
        "amr.agreement", required=True, readonly=True, index=True, ondelete="restrict"
    )
    account_id = fields.Many2one(
        "amr.account",
        "Customer account",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    meter_id = fields.Many2one(
        "amr.meter", required=True, readonly=True, index=True, ondelete="restrict"
    )
    utility_id = fields.Many2one(
        "amr.utility", required=True, readonly=True, ondelete="restrict"
    )
    uom_name = fields.Char(related="utility_id.uom_name")
    room_id = fields.Many2one("amr.room", readonly=True, ondelete="restrict")
    community_id = fields.Many2one(
        "amr.community", required=True, readonly=True, index=True, ondelete="restrict"
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    run_id = fields.Many2one(
        "amr.billing.run", readonly=True, index="btree_not_null", ondelete="restrict"
    )
    period = fields.Date(
        readonly=True, help="First day of the period whose run made the charge."
    )
    kind = fields.Selection(
        [
            ("energy", "Consumption"),
            ("surcharge", "Surcharge per unit"),
            ("fixed", "Surcharge per bill"),
            ("minimum", "Minimum charge"),
        ],
        required=True,
        readonly=True,
    )
    component = fields.Char(
        required=True,
        readonly=True,
        help="Register and step (t1, total/2), surcharge or minimum.",
    )
    start_at = fields.Datetime("From", required=True, readonly=True)
    end_at = fields.Datetime("To", required=True, readonly=True)
    start_index = fields.Float(
        "Start index", digits="AMR Index", readonly=True, aggregator=None
    )
    end_index = fields.Float(
        "End index", digits="AMR Index", readonly=True, aggregator=None
    )
    factor = fields.Float(digits=(16, 6), readonly=True, aggregator=None)
    consumption = fields.Float(
        digits="AMR Consumption",
        readonly=True,
        help="Measured consumption that this charge prices; none for surcharges, so "
        "that sums are right.",
    )
    quantity = fields.Float("Billed quantity", digits="AMR Consumption", readonly=True)
    unit_price = fields.Float(
        digits="AMR Unit Price", readonly=True, aggregator=None, help="Tax included."
    )
    amount = fields.Monetary(readonly=True, help="Tax included.")
    tariff_version_id = fields.Many2one(
        "amr.tariff.version",
        required=True,
        readonly=True,
        index=True,
        ondelete="restrict",
    )
    estimated = fields.Boolean(
        readonly=True,
        help="An index was estimated, or split by time because nobody read the meter "
        "when the price changed.",
    )
    explanation = fields.Text(readonly=True)
    move_line_id = fields.Many2one(
        "account.move.line",
        "Bill line",
        readonly=True,
        index="btree_not_null",
        ondelete="restrict",
    )
    move_id = fields.Many2one(
        related="move_line_id.move_id",
        string="Bill",
        store=True,
        index="btree_not_null",
    )
    payment_state = fields.Selection(related="move_id.payment_state")
    reversed = fields.Boolean(
        "Credited", readonly=True, help="The bill was credited in full."
    )
    released = fields.Boolean(
        "To be billed again",
        readonly=True,
        help="The bill was credited because it was wrong: its consumption is open "
        "for the next run.",
    )

    _billed_once = models.Constraint(
        "EXCLUDE USING gist (agreement_id WITH =, component WITH =, "
        "tsrange(start_at, end_at) WITH &&) WHERE (released IS NOT TRUE)",
        "This consumption is billed already: a charge of the agreement covers the "
        "same time.",
    )
    _times_ordered = models.Constraint(
        "CHECK (start_at < end_at)", "A charge must end after it begins."
    )
    _not_negative = models.Constraint(
        "CHECK (consumption >= 0 AND quantity >= 0 AND unit_price >= 0 "
        "AND amount >= 0)",
        "Consumption, price and amount of a charge may not be negative.",
    )
    _released_is_reversed = models.Constraint(
        "CHECK (reversed OR released IS NOT TRUE)",
        "Consumption can be billed again only when its bill was credited.",
    )

    @api.model
    def _read_group_select(self, aggregate_spec, query):
        """Add up within one utility only: kWh and m³ have no sum."""
        aggregate = super()._read_group_select(aggregate_spec, query)
        if aggregate_spec not in ("consumption:sum", "quantity:sum"):
            return aggregate
        utility = self._field_to_sql(self._table, "utility_id", query)
        return SQL(
            "CASE WHEN min(%s) = max(%s) THEN %s END", utility, utility, aggregate
        )

    def init(self):
        """Guard promises I5 and I8 in the database: what was billed stays as it was."""
        self.env.cr.execute(
            """
            CREATE OR REPLACE FUNCTION amr_charge_guard() RETURNS trigger AS $$
            BEGIN
                RAISE EXCEPTION
                    'Charges are never changed or deleted; credit the bill of %', OLD.id
                    USING ERRCODE = 'restrict_violation';
            END $$ LANGUAGE plpgsql;
            CREATE OR REPLACE TRIGGER amr_charge_no_delete
                BEFORE DELETE ON amr_charge
                FOR EACH ROW EXECUTE FUNCTION amr_charge_guard();
            CREATE OR REPLACE TRIGGER amr_charge_no_update
                BEFORE UPDATE ON amr_charge FOR EACH ROW
                WHEN (ROW(OLD.agreement_id, OLD.account_id, OLD.meter_id,
                          OLD.component, OLD.start_at, OLD.end_at, OLD.start_index,
                          OLD.end_index, OLD.factor, OLD.consumption, OLD.quantity,
                          OLD.unit_price, OLD.amount, OLD.tariff_version_id)
                      IS DISTINCT FROM
                      ROW(NEW.agreement_id, NEW.account_id, NEW.meter_id,
                          NEW.component, NEW.start_at, NEW.end_at, NEW.start_index,
                          NEW.end_index, NEW.factor, NEW.consumption, NEW.quantity,
                          NEW.unit_price, NEW.amount, NEW.tariff_version_id))
                EXECUTE FUNCTION amr_charge_guard();
            """
        )

    def write(self, vals):
        if vals.keys() - CHANGING_FIELDS:
            raise UserError(
                self.env._("A charge never changes; credit its bill instead.")
            )
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        raise UserError(
            self.env._("A charge is never deleted; credit its bill instead.")
        )

    # === Words for print === #

    def _is_fixed(self):
        """Whether the charge is for the bill, not for units of the utility."""
        self.ensure_one()
        return self.kind in ("fixed", "minimum")

    def _get_title(self):
        """What is charged besides consumption."""
        self.ensure_one()
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        if self.kind not in ("surcharge", "fixed"):
            return kinds[self.kind]
        surcharge_id = int(self.component.partition("/")[2])
        surcharge = self.env["amr.tariff.surcharge"].browse(surcharge_id).exists()
        return surcharge.name or kinds[self.kind]

    def _get_part(self):
        """Register or step, in words."""
        self.ensure_one()
        return component_text(self.env, self.component)

    def _get_period(self):
        """First and last day of the charge, in words."""
        self.ensure_one()
        return period_text(self.env, self.community_id, self.start_at, self.end_at)

    def _get_plain(self, name, places):
        """A number without the zeros that say nothing."""
        self.ensure_one()
        return plain(dec(self[name], places))

    # === Bill lines === #

    def _prepare_move_line(self):
        """Values of the bill line of this charge (hook)."""
        self.ensure_one()
        fixed = self._is_fixed()
        product = (
            self.env.ref("amr_billing.product_fixed")
            if fixed
            else self.utility_id.product_id
        )
        unit = product.uom_id if fixed else self.utility_id.uom_id
        taxes = self.utility_id._get_billing_taxes(self.company_id, product)
        return {
            "product_id": product.id,
            "name": self.explanation,
            "quantity": self.quantity,
            "product_uom_id": unit.id,
            "price_unit": self.unit_price,
            "tax_ids": [Command.set(taxes.ids)],
        }

    def _check_bill_lines(self):
        """:raise UserError: when a bill does not say what its charges say."""
        for charge in self.filtered("move_line_id"):
            line, places = charge.move_line_id, charge.currency_id.decimal_places
            if dec(line.price_total, places) != dec(charge.amount, places):
                raise UserError(
                    self.env._(
                        "The bill line of “%(charge)s” comes to %(line)s instead of "
                        "%(amount)s. Check the taxes (they must be included in the "
                        "price) and the decimal accuracy of price and unit.",
                        charge=charge.explanation,
                        line=line.price_total,
                        amount=charge.amount,
                    )
                )

    def action_open_bill(self):
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "account.move",
            "res_id": self.move_id.id,
            "view_mode": "form",
        }
