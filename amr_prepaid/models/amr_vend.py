from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

STEP = 1  # whole kWh or m³ (manual S4 2.2, decision 1)


class AmrVend(models.Model):
    """Vend (售电): one sale of energy to one meter.

    draft → paid (money is in the wallet) → crediting (purchase number given, command on
    its way) → credited (the meter has it; invoiced and paid from the wallet). What
    needs a person is an exception; what never reaches the meter is cancelled and its
    money stays in the wallet.

    Sales of one meter are credited one after another. A purchase number is given under
    a lock on the meter, and only back as long as it is the last one, so the numbers of
    a meter and opening series have neither holes nor doubles (promise I3).
    """

    _name = "amr.vend"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _description = "Prepaid order"
    _order = "id desc"

    name = fields.Char(
        "Order",
        required=True,
        readonly=True,
        copy=False,
        index=True,
        default=lambda self: self.env._("New"),
    )
    key = fields.Char(
        "External key",
        readonly=True,
        copy=False,
        help="Given by the system that ordered; the same key never sells twice.",
    )
    agreement_id = fields.Many2one(
        "amr.agreement", required=True, readonly=True, index=True, ondelete="restrict"
    )
    account_id = fields.Many2one(
        "amr.account", required=True, readonly=True, index=True, ondelete="restrict"
    )
    partner_id = fields.Many2one(related="account_id.partner_id")
    meter_id = fields.Many2one(
        "amr.meter", required=True, readonly=True, index=True, ondelete="restrict"
    )
    room_id = fields.Many2one(related="agreement_id.room_id")
    uom_name = fields.Char(related="meter_id.uom_name")
    community_id = fields.Many2one(
        related="agreement_id.community_id", store=True, index=True, precompute=True
    )
    company_id = fields.Many2one(
        related="agreement_id.company_id", store=True, index=True, precompute=True
    )
    currency_id = fields.Many2one(related="company_id.currency_id")
    wallet_id = fields.Many2one(
        "amr.wallet", required=True, readonly=True, index=True, ondelete="restrict"
    )
    state = fields.Selection(
        [
            ("draft", "Draft"),
            ("paid", "Paid"),
            ("crediting", "Crediting"),
            ("credited", "Credited"),
            ("exception", "Exception"),
            ("cancelled", "Cancelled"),
        ],
        "Status",
        default="draft",
        required=True,
        readonly=True,
        copy=False,
        index=True,
        tracking=True,
    )
    reason = fields.Char(
        readonly=True, copy=False, tracking=True, help="Why a person has to look."
    )
    amount = fields.Monetary(
        "Amount paid", required=True, readonly=True, help="Tax included."
    )
    unit_price = fields.Float(
        digits="AMR Unit Price", readonly=True, aggregator=False, help="Tax included."
    )
    quantity = fields.Float(
        "Energy", digits="AMR Consumption", readonly=True, help="Whole units sold."
    )
    meter_quantity = fields.Float(
        "Credit on the meter",
        digits=(12, 2),
        readonly=True,
        help="The energy in the meter's own units: divided by its factor.",
    )
    charged = fields.Monetary(readonly=True, help="What the energy costs.")
    wallet_before = fields.Monetary(
        readonly=True,
        aggregator=None,
        help="In the wallet, and not reserved, before the payment.",
    )
    wallet_after = fields.Monetary(
        readonly=True, aggregator=None, help="Change; counts towards the next sale."
    )
    series = fields.Integer(
        "Opening series",
        readonly=True,
        copy=False,
        aggregator=None,
        help="A meter that is opened anew counts its purchases from the start again.",
    )
    purchase_no = fields.Integer(
        "Purchase number",
        readonly=True,
        copy=False,
        aggregator=None,
        help="0 while none is given.",
    )
    user_id = fields.Many2one(
        "res.users",
        "Sold by",
        readonly=True,
        default=lambda self: self.env.user,
        index=True,
    )
    paid_at = fields.Datetime("Paid at", readonly=True, copy=False, index=True)
    credited_at = fields.Datetime("Credited at", readonly=True, copy=False)
    transaction_id = fields.Many2one(
        "payment.transaction",
        "Online payment",
        readonly=True,
        copy=False,
        ondelete="restrict",
    )
    transaction_ids = fields.One2many(
        "payment.transaction", "amr_vend_id", "Online payments tried"
    )
    payment_id = fields.Many2one(
        "account.payment", readonly=True, copy=False, ondelete="restrict"
    )
    journal_id = fields.Many2one(related="payment_id.journal_id", string="Paid to")
    deposit_move_id = fields.Many2one(
        "account.move", "Deposit", readonly=True, copy=False, ondelete="restrict"
    )
    bill_move_id = fields.Many2one(
        "account.move", "Invoice", readonly=True, copy=False, ondelete="restrict"
    )
    command_id = fields.Many2one(
        "amr.command", readonly=True, copy=False, index=True, ondelete="restrict"
    )
    command_ids = fields.One2many("amr.command", "vend_id", "Commands")
    command_state = fields.Selection(related="command_id.state", string="Command state")
    command_result = fields.Char(related="command_id.result", string="Last result")

    _key_unique = models.Constraint(
        "UNIQUE (company_id, key)", "This order was taken already."
    )
    _number_unique = models.UniqueIndex(
        "(meter_id, series, purchase_no) WHERE purchase_no > 0",
        "A purchase number is given to one order of a meter only.",
    )
    _payment_unique = models.Constraint(
        "UNIQUE (payment_id)", "A payment buys one order."
    )
    _transaction_unique = models.Constraint(
        "UNIQUE (transaction_id)", "An online payment buys one order."
    )
    _funded = models.Constraint(
        "CHECK (state NOT IN ('paid', 'crediting', 'credited') "
        "OR payment_id IS NOT NULL)",
        "An order that goes to a meter has a payment.",
    )
    _numbered = models.Constraint(
        "CHECK (state NOT IN ('crediting', 'credited') OR purchase_no > 0)",
        "An order that was sent to a meter has a purchase number.",
    )
    _money_adds_up = models.Constraint(
        "CHECK (payment_id IS NULL OR wallet_before + amount = charged + wallet_after)",
        "Payment and wallet before must equal charge and wallet after.",
    )
    _change_is_small = models.Constraint(
        f"CHECK (quantity = 0 "
        f"OR (wallet_after >= 0 AND wallet_after < unit_price * {STEP}))",
        "The change of a sale is worth less than one unit.",
    )
    _amount_positive = models.Constraint(
        "CHECK (amount > 0)", "Pay an amount greater than zero."
    )

    def init(self):
        """Let purchase numbers grow by one and shrink by one only (promise I3)."""
        self.env.cr.execute(
            SQL(
                """
                CREATE OR REPLACE FUNCTION amr_vend_number_guard()
                RETURNS trigger LANGUAGE plpgsql AS $$
                DECLARE
                    other integer;
                BEGIN
                    IF TG_OP <> 'INSERT' AND OLD.purchase_no > 0 THEN
                        SELECT max(purchase_no) INTO other FROM amr_vend
                         WHERE meter_id = OLD.meter_id AND series = OLD.series
                           AND id <> OLD.id;
                        IF other > OLD.purchase_no OR OLD.state = 'credited' THEN
                            RAISE EXCEPTION USING
                                MESSAGE = 'Purchase number ' || OLD.purchase_no
                                    || ' is not the last one or was used',
                                ERRCODE = 'integrity_constraint_violation';
                        END IF;
                    END IF;
                    IF TG_OP <> 'DELETE' AND NEW.purchase_no > 0 THEN
                        PERFORM 1 FROM amr_meter WHERE id = NEW.meter_id
                            FOR NO KEY UPDATE;
                        SELECT COALESCE(
                            (SELECT max(purchase_no) FROM amr_vend
                              WHERE meter_id = NEW.meter_id AND series = NEW.series
                                AND id <> NEW.id AND purchase_no > 0),
                            (SELECT CASE WHEN credit_series = NEW.series
                                    THEN credit_start_no END
                               FROM amr_meter WHERE id = NEW.meter_id),
                            0) INTO other;
                        IF NEW.purchase_no <> other + 1 THEN
                            RAISE EXCEPTION USING
                                MESSAGE = 'Purchase number ' || NEW.purchase_no
                                    || ' does not follow ' || other,
                                ERRCODE = 'integrity_constraint_violation';
                        END IF;
                    END IF;
                    IF TG_OP = 'DELETE' THEN
                        RETURN OLD;
                    END IF;
                    RETURN NEW;
                END $$;
                CREATE OR REPLACE TRIGGER amr_vend_number_insert_delete
                BEFORE INSERT OR DELETE ON amr_vend
                FOR EACH ROW EXECUTE FUNCTION amr_vend_number_guard();
                CREATE OR REPLACE TRIGGER amr_vend_number_update
                BEFORE UPDATE ON amr_vend
                FOR EACH ROW WHEN (
                    ROW(OLD.meter_id, OLD.series, OLD.purchase_no)
                    IS DISTINCT FROM
                    ROW(NEW.meter_id, NEW.series, NEW.purchase_no))
                EXECUTE FUNCTION amr_vend_number_guard();
                """
            )
        )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            agreement = self.env["amr.agreement"].browse(vals.get("agreement_id"))
            vals.setdefault("account_id", agreement.account_id.id)
            vals.setdefault("meter_id", agreement.meter_id.id)
            account = self.env["amr.account"].browse(vals["account_id"])
            vals.setdefault(
                "wallet_id", self.env["amr.wallet"]._for_account(account).id
            )
            if vals.get("name", self.env._("New")) == self.env._("New"):
                vals["name"] = self.env["ir.sequence"].next_by_code("amr.vend")
        return super().create(vals_list)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_draft(self):
        if any(vend.state != "draft" for vend in self):
            raise UserError(
                self.env._("Orders are kept; cancel the ones that are not wanted.")
            )

    def action_resolve(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "amr_prepaid.amr_vend_resolve_action"
        )
        action["context"] = {"default_vend_id": self.id}
        return action

    def action_print_receipt(self):
        return self.env.ref("amr_prepaid.amr_vend_receipt_action").report_action(self)

    def action_open_command(self):
        self.ensure_one()
        return self.command_id._get_records_action()

    def action_open_moves(self):
        self.ensure_one()
        moves = self.deposit_move_id | self.payment_id.move_id | self.bill_move_id
        return moves._get_records_action(name=self.env._("Journal entries"))

    # === Promise I3 === #

    @api.model
    def _get_number_faults(self):
        """Look for holes in the purchase numbers.

        :return: list of (meter, series, sentence)
        """
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT v.meter_id, v.series, min(v.purchase_no), max(v.purchase_no),
                       count(*), count(DISTINCT v.purchase_no)
                  FROM amr_vend v
                  LEFT JOIN amr_meter_opening o
                    ON o.meter_id = v.meter_id AND o.series = v.series
                 WHERE v.purchase_no > 0
                 GROUP BY v.meter_id, v.series
                HAVING count(*) <> max(v.purchase_no)
                                   - COALESCE(min(o.start_no), min(v.purchase_no) - 1)
                    OR count(*) <> count(DISTINCT v.purchase_no)
                 ORDER BY 1, 2
                """
            )
        )
        return [
            (
                self.env["amr.meter"].browse(meter_id),
                series,
                self.env._(
                    "%(count)s orders carry numbers from %(first)s to %(last)s.",
                    count=count,
                    first=first,
                    last=last,
                ),
            )
            for meter_id, series, first, last, count, _distinct in rows
        ]
