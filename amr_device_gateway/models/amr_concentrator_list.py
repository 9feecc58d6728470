"""A concentrator's list of meters, and how far it has read them."""

from odoo import fields, models
from odoo.exceptions import UserError

from ..headend.protocols.base import ProtocolError
from ..headend.protocols.gdw376_archive import pack
from ..tools.archive_check import compare


class AmrConcentratorList(models.Model):
    _inherit = "amr.concentrator"  # pylint: disable=consider-merging-classes-inherited

    def _get_listed_meters(self):
        """Return the meters that belong into the concentrator's list.

        :raises UserError: one of them cannot be in it
        """
        meters = self.meter_ids.filtered(lambda meter: meter.measuring_point > 0)
        for meter in meters:
            try:
                pack(meter._prepare_archive())
            except ProtocolError as error:
                raise UserError(
                    self.env._(
                        "Meter %(meter)s cannot be in a concentrator's list: %(error)s",
                        meter=meter.number,
                        error=error,
                    )
                ) from error
        return meters.sorted("measuring_point")

    def _get_last_number(self):
        """Return how many places of its list are looked at."""
        return max([self.capacity, *self.meter_ids.mapped("measuring_point")])

    def _get_extra_numbers(self):
        """Return the places of the list that hold what we do not know."""
        extra = self.difference_ids.filtered(lambda one: one.kind == "extra")
        return set(extra.mapped("number"))

    def _keep_differences(self, theirs):
        """Keep what the concentrator's list says other than ours.

        :param list theirs: its :class:`Archive` rows
        :return: whether there is any difference
        """
        meters = {
            meter.measuring_point: meter
            for meter in self.meter_ids
            if meter.measuring_point > 0
        }
        ours = [meter._prepare_archive() for meter in meters.values()]
        found = compare(ours, theirs)
        self.sudo().difference_ids.unlink()
        self.env["amr.concentrator.difference"].sudo().create(
            [
                {
                    "concentrator_id": self.id,
                    "kind": one.kind,
                    "point": one.point,
                    "number": one.number,
                    "meter_id": meters[one.point].id if one.ours else False,
                    "ours": self._describe(one.ours),
                    "theirs": self._describe(one.theirs),
                }
                for one in found
            ]
        )
        different = {one.point for one in found}
        self._note_listed([meters[p].id for p in meters.keys() - different])
        self.sudo().compared_at = fields.Datetime.now()
        return bool(found)

    def _note_listed(self, meter_ids):
        """Keep which meters the concentrator has at their measuring points."""
        meters = self.env["amr.meter"].sudo().with_context(active_test=False)
        its = meters.search([("concentrator_id", "=", self.id)])
        same = its.filtered(lambda meter: meter.id in meter_ids)
        same.filtered(lambda meter: not (meter.is_listed and meter.listed_at)).write(
            {"is_listed": True, "listed_at": fields.Datetime.now()}
        )
        (its - same).filtered("is_listed").is_listed = False
        (its - same).place_since = fields.Datetime.now()

    def _note_sent_list(self):
        """Keep that what was at a measuring point may be another meter's from now on:
        who is not known to be in the list is only now sent there."""
        meters = self.env["amr.meter"].sudo().with_context(active_test=False)
        its = meters.search([("concentrator_id", "=", self.id)])
        its.filtered(lambda one: not one.is_listed).place_since = fields.Datetime.now()

    def _describe(self, row):
        """Return one line for a row of a list."""
        if not row:
            return False
        address = row.address.lstrip("0") or "0"
        return self.env._(
            "%(address)s, %(protocol)s, port %(port)s",
            address=address,
            protocol=row.protocol,
            port=row.port,
        )

    def _keep_collecting(self, decoded):
        """Keep how far the concentrator has read its meters (0CH F11)."""
        parts = []
        for item in decoded.values:
            name, _dot, what = item.name.rpartition(".")
            if what == "meters":
                parts.append(
                    self.env._(
                        "port %(port)s: %(read)s of %(meters)s meters read, "
                        "last round ended %(ended)s",
                        port=name.removeprefix("port."),
                        read=decoded.value(f"{name}.read"),
                        meters=item.value,
                        ended=decoded.value(f"{name}.ended_at") or "?",
                    )
                )
        self.sudo().collecting = "; ".join(parts) or self.env._("No meters.")
