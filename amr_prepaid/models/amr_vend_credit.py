import logging

from psycopg2 import OperationalError
from psycopg2.errors import SerializationFailure

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command

from odoo.addons.amr_base.tools import dec
from odoo.addons.amr_billing.tools import chinese_capitals

_logger = logging.getLogger(__name__)

DRAFT_DAYS = 7


class AmrVend(models.Model):
    """Credit of an order on its meter, and its invoice when the meter has it."""

    _inherit = "amr.vend"  # pylint: disable=consider-merging-classes-inherited

    def _start_crediting(self):
        """Give the next purchase number and write the command, meter by meter.

        The oldest paid order of a meter goes first, and waits while an earlier one is
        on its way. Only database work: the command's job sends after the commit.
        """
        for meter in self.filtered(lambda vend: vend.state == "paid").meter_id:
            meter._lock_credit()
            vend = self._get_next_vend(meter)
            if vend and vend._check_still_possible():
                vend._give_number()
                vend._send_command()

    @api.model
    def _get_next_vend(self, meter):
        """Return the order of a meter that may be credited now, or an empty one."""
        on_its_way = self.search_count(
            [
                ("meter_id", "=", meter.id),
                ("state", "in", ("crediting", "exception")),
                ("purchase_no", ">", 0),
            ],
            limit=1,
        )
        if on_its_way:
            return self.browse()
        return self.search(
            [("meter_id", "=", meter.id), ("state", "=", "paid")], order="id", limit=1
        )

    def _check_still_possible(self):
        """Return whether the order can go to its meter; else make it an exception."""
        obstacle = self._get_supply_obstacle()
        if obstacle:
            self._set_exception(obstacle)
        return not obstacle

    def _get_supply_obstacle(self):
        """Return why credit on this meter would not be its buyer's any more, or False.

        Looked at before every frame: between sale and sending a meter may be moved to
        another room, and a supply may go to another customer.
        """
        point = self.agreement_id.point_id
        if point.meter_id != self.meter_id:
            return self._get_meter_changed_message()
        if point.account_id != self.account_id:
            return self.env._(
                "%(point)s is no longer supplied to %(account)s.",
                point=point.display_name,
                account=self.account_id.display_name,
            )
        return False

    def _give_number(self):
        self.write(
            {
                "state": "crediting",
                "series": self.meter_id.credit_series,
                "purchase_no": self.meter_id._take_purchase_no(),
                "reason": False,
            }
        )

    def _send_command(self):
        """Write the command of the order and enqueue its job."""
        command = self.env["amr.command"].create(self._prepare_command())
        self.command_id = command
        command._enqueue()

    def _prepare_command(self):
        return {
            "kind": "credit",
            "vend_id": self.id,
            "meter_id": self.meter_id.id,
            "payload": {
                "series": self.series,
                "purchase_no": self.purchase_no,
                "amount": str(dec(self.meter_quantity, 2)),
                "customer_no": self.account_id.number,
                "area": self.meter_id.area_keyed,
            },
        }

    def _on_credited(self):
        """The meter is known to have the credit: invoice it, pay from the wallet.

        Called in the transaction that ends the command. What the meter did is a fact
        whatever becomes of the books, so an accounting obstacle makes an exception that
        :meth:`action_retry` goes on from, and does not undo the command's end.
        """
        for vend in self:
            vend._lock()
            if vend.state == "cancelled":
                vend._raise_exception(
                    self.env._("The meter was credited although this was cancelled.")
                )
            if vend.state not in ("crediting", "exception"):
                continue
            vend.credited_at = vend.credited_at or fields.Datetime.now()
            try:
                with self.env.cr.savepoint():
                    vend._book_energy()
            except (UserError, ValidationError) as error:
                vend._set_exception(
                    self.env._(
                        "The meter has the credit, but it could not be invoiced: %s",
                        error,
                    )
                )
                continue
            vend.write({"state": "credited", "reason": False})
            vend._resolve_exceptions()
        self._start_waiting()

    def _book_energy(self):
        """Invoice the energy and pay the invoice from the wallet."""
        invoice = (
            self.env["account.move"]
            .with_company(self.company_id)
            .create(self._prepare_invoice())
        )
        invoice.action_post()
        if dec(invoice.amount_total, 2) != dec(self.charged, 2):
            raise UserError(
                self.env._(
                    "Invoice %(invoice)s amounts to %(total)s instead of %(charged)s: "
                    "the taxes of product %(product)s must be included in the price.",
                    invoice=invoice.name,
                    total=invoice.amount_total,
                    charged=self.charged,
                    product=invoice.invoice_line_ids.product_id.display_name,
                )
            )
        self.bill_move_id = invoice
        self.wallet_id._use(invoice, self)

    def _prepare_invoice(self):
        """Return the values of the energy's invoice (hook)."""
        self.ensure_one()
        return {
            "move_type": "out_invoice",
            "partner_id": self.partner_id.id,
            "invoice_date": self.wallet_id._get_booking_date(),
            "invoice_origin": self.name,
            "amr_account_id": self.account_id.id,
            "amr_community_id": self.community_id.id,
            "amr_vend_id": self.id,
            "invoice_line_ids": [Command.create(self._prepare_invoice_line())],
        }

    def _prepare_invoice_line(self):
        """Return the values of the invoice's only line (hook)."""
        utility = self.agreement_id.utility_id
        product = utility.product_id
        return {
            "product_id": product.id,
            "name": self._get_explanation(),
            "quantity": self.quantity,
            "product_uom_id": utility.uom_id.id,
            "price_unit": self.unit_price,
            "tax_ids": [
                Command.set(utility._get_billing_taxes(self.company_id, product).ids)
            ],
        }

    def _get_explanation(self):
        """Return one line that says what was sold, for the invoice."""
        return self.env._(
            "%(utility)s sold in advance, %(point)s, meter %(meter)s, purchase number "
            "%(number)s: %(quantity)s %(unit)s at %(price)s",
            utility=self.agreement_id.utility_id.name,
            point=self.room_id.display_name or self.agreement_id.point_id.name,
            meter=self.meter_id.number,
            number=self.purchase_no,
            quantity=f"{dec(self.quantity).normalize():f}",
            unit=self.uom_name,
            price=f"{dec(self.unit_price, 6).normalize():f}",
        )

    def _get_amount_in_capitals(self):
        """Return the payment in Chinese capitals, as receipts must show it."""
        return chinese_capitals(dec(self.amount, 2))

    def _start_waiting(self):
        """Start the orders that waited for these ones on the same meters."""
        self.search(
            [("meter_id", "in", self.meter_id.ids), ("state", "=", "paid")]
        )._start_crediting()

    def _on_credit_failed(self, command):
        """The command ended without credit, or nobody knows: a person has to look."""
        for vend in self.filtered(lambda v: v.state in ("crediting", "exception")):
            vend._set_exception(
                command.result or self.env._("The meter was not credited.")
            )

    def _set_exception(self, reason):
        self.write({"state": "exception", "reason": reason})
        self._raise_exception(reason)

    def _raise_exception(self, reason):
        self.env["amr.exception"]._raise_exception(
            "credit",
            self.env._("Order %(order)s: %(reason)s", order=self.name, reason=reason),
            meter=self.meter_id,
            community=self.community_id,
            origin=self.name,
        )

    def _resolve_exceptions(self):
        """Close the open exceptions of the orders' meters: they came to a good end."""
        exceptions = self.env["amr.exception"].search(
            [
                ("kind", "=", "credit"),
                ("state", "=", "open"),
                ("meter_id", "in", self.meter_id.ids),
                ("origin", "in", self.mapped("name")),
            ]
        )
        exceptions.resolution = self.env._("Order %s came to its end.", self.name)
        exceptions.action_resolve()

    @api.model
    def _cron_resume(self):
        """Scheduled: take up orders that a crash has left between two steps."""
        stopped = self.search([("state", "in", ("paid", "crediting"))], order="id")
        for vend in stopped:
            try:
                with self.env.cr.savepoint():
                    vend._take_up()
            except SerializationFailure:
                continue  # somebody has just gone on with it
            except OperationalError:
                raise
            except Exception:
                _logger.exception("Order %s cannot be taken up", vend.name)
        self._cancel_old_drafts()
        self.env["payment.transaction"].sudo()._resume_amr_charges()

    def _take_up(self):
        """Go on with one order, wherever it stopped."""
        self._lock()
        command = self.command_id
        if self.state == "paid":
            self._start_crediting()
        elif self.state != "crediting":
            return
        elif not command:
            self._send_command()
        elif command.outcome == "done":
            self._on_credited()
        elif command.state in ("queued", "sent"):
            command._enqueue()
        else:
            self._on_credit_failed(command)

    @api.model
    def _cancel_old_drafts(self):
        """Cancel online orders that nobody paid for a week."""
        day = fields.Datetime.subtract(fields.Datetime.now(), days=DRAFT_DAYS)
        self.search(
            [
                ("state", "=", "draft"),
                ("create_date", "<", day),
                (
                    "transaction_ids",
                    "not any",
                    [("state", "in", ("pending", "authorized", "done"))],
                ),
            ]
        ).write({"state": "cancelled"})
