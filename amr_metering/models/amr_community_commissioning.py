from typing import NamedTuple

from odoo import models
from odoo.tools import SQL

from odoo.addons.amr_base.tools import dec

from ..tools import Meter, check_openings
from .installed_sql import INSTALLED_SQL


class Step(NamedTuple):
    """One step of going live: what it is, whether the facts say it is done, and why."""

    name: str
    done: bool
    detail: str
    action: str  # xmlid of the action where it goes on, or empty


class AmrCommunity(models.Model):
    """Going live (KTAMR manual 6): seven steps whose state follows from facts."""

    _inherit = "amr.community"  # pylint: disable=consider-merging-classes-inherited

    def action_commission(self):
        """Open the go-live guide of this community."""
        self.ensure_one()
        guide = self.env["amr.commissioning"].create({"community_id": self.id})
        return guide.action_refresh()

    def _get_commissioning_steps(self):
        """Return the seven steps of KTAMR manual 6.1, in order (hook).

        :rtype: list of Step
        """
        self.ensure_one()
        return [
            self._get_hardware_step(),
            self._get_software_step(),
            self._get_archive_step(),
            self._get_communication_step(),
            self._get_address_step(),
            self._get_reading_step(),
            self._get_close_step(),
        ]

    def _count(self, model, domain):
        return self.env[model].search_count([("community_id", "=", self.id), *domain])

    def _get_hardware_step(self):
        meters = self._count("amr.meter", [("point_id", "!=", False)])
        bare = self._count("amr.metering.point", [("meter_id", "=", False)])
        return Step(
            self.env._("Install the hardware and check it"),
            bool(meters and not bare),
            self.env._(
                "%(meters)s meters installed, %(bare)s metering points without one.",
                meters=meters,
                bare=bare,
            ),
            "amr_metering.amr_metering_point_action",
        )

    def _get_software_step(self):
        operators = (
            self.env["res.users"]
            .sudo()
            .search([("share", "=", False)])
            .filtered(lambda user: self in user.amr_scope_community_ids)
        )
        return Step(
            self.env._("Install the software and name its operators"),
            bool(operators),
            self.env._(
                "%s operators have this community in their scope.", len(operators)
            ),
            "",
        )

    def _get_archive_step(self):
        rooms = self._count("amr.room", [])
        empty = self._count("amr.room", [("point_ids", "=", False)])
        accounts = self._count("amr.account", [("state", "=", "active")])
        unpaid = self._count_points_without_agreement()
        return Step(
            self.env._("Enter the archive"),
            bool(rooms and accounts and not empty and not unpaid),
            self.env._(
                "%(rooms)s rooms, %(empty)s of them without a metering point; "
                "%(accounts)s accounts; %(unpaid)s occupied metering points without an "
                "agreement.",
                rooms=rooms,
                empty=empty,
                accounts=accounts,
                unpaid=unpaid,
            ),
            "amr_metering.amr_excel_import_action",
        )

    def _count_points_without_agreement(self):
        """Count the points of occupied rooms that nobody has agreed to pay for."""
        points = self.env["amr.metering.point"].search(
            [
                ("community_id", "=", self.id),
                ("kind", "=", "normal"),
                ("room_id.account_id", "!=", False),
            ]
        )
        return len(points.filtered(lambda point: not point.agreement_id))

    def _get_remote_domain(self):
        """Return the domain of the installed meters that answer by themselves."""
        return [("point_id", "!=", False), ("model_id.protocol", "!=", "manual")]

    def _get_communication_step(self):
        remote = self._get_remote_domain()
        meters = self._count("amr.meter", remote)
        silent = self._count(
            "amr.meter",
            [
                *remote,
                "|",
                ("latest_at", "=", False),
                ("comm_fault_since", "!=", False),
            ],
        )
        by_eye = self._count(
            "amr.meter",
            [("point_id", "!=", False), ("model_id.protocol", "=", "manual")],
        )
        return Step(
            self.env._("Connect the devices"),
            bool(meters + by_eye and not silent),
            self.env._(
                "%(meters)s meters answer by themselves, %(silent)s of them have not "
                "answered; %(by_eye)s are read by eye.",
                meters=meters,
                silent=silent,
                by_eye=by_eye,
            ),
            "amr_metering.amr_meter_action",
        )

    def _get_address_step(self):
        remote = self._get_remote_domain()
        meters = self._count("amr.meter", [("point_id", "!=", False)])
        missing = self._count("amr.meter", [*remote, ("address", "=", False)])
        return Step(
            self.env._("Give the devices their addresses"),
            bool(meters and not missing),
            self.env._("%s meters lack their communication address.", missing),
            "amr_metering.amr_meter_action",
        )

    def _get_reading_step(self):
        meters = self._count("amr.meter", [("point_id", "!=", False)])
        unread = self._count(
            "amr.meter", [("point_id", "!=", False), ("latest_at", "=", False)]
        )
        exceptions = self._count("amr.exception", [("state", "=", "open")])
        return Step(
            self.env._("Read all meters and compare with the archive"),
            bool(meters and not unread and not exceptions),
            self.env._(
                "%(unread)s of %(meters)s meters are not read yet; %(exceptions)s open "
                "exceptions.",
                unread=unread,
                meters=meters,
                exceptions=exceptions,
            ),
            "amr_metering.amr_exception_action",
        )

    def _get_first_close(self):
        """Return when the first month was closed, or False (hook of the biller)."""
        self.ensure_one()
        return False

    def _get_close_step(self):
        closed = self._get_first_close()
        return Step(
            self.env._("Close the first month"),
            bool(closed),
            self.env._("First closed on %s.", closed)
            if closed
            else self.env._("No month was closed yet."),
            "",
        )

    def _check_openings(self, allowed):
        """Compare opening readings with what was read first after (manual 6.2).

        :param Decimal allowed: use to expect between both, in the register's unit
        :return: list of (meter, opening, first, Verdict), utility by utility
        """
        self.ensure_one()
        meters = self.env["amr.meter"].search(
            [("community_id", "=", self.id), ("point_id", "!=", False)]
        )
        lines = {row[0]: row[1:] for row in self._fetch_openings(meters)}
        found = []
        for utility, group in meters.grouped("utility_id").items():
            known = [
                Meter(meter.id, *lines[meter.id])
                for meter in group
                if meter.id in lines
            ]
            verdicts = check_openings(known, allowed)
            for meter_id, opening, first in known:
                meter = utility.env["amr.meter"].browse(meter_id)
                found.append((meter, opening, first, verdicts[meter_id]))
        return found

    def _fetch_openings(self, meters):
        self.env["amr.installation"].flush_model()
        self.env["amr.reading"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT m.id, i.start_index::text, r.index::text
                  FROM amr_meter m CROSS JOIN LATERAL (%(installed)s) i
                  LEFT JOIN LATERAL (
                    SELECT index FROM amr_reading
                     WHERE meter_id = m.id AND register = 'total'
                       AND superseded_by_id IS NULL AND source <> 'estimate'
                       AND read_at > i.date_from
                     ORDER BY read_at, id LIMIT 1) r ON true
                 WHERE m.id = ANY(%(meters)s)
                """,
                installed=SQL(INSTALLED_SQL),
                meters=list(meters.ids),
            )
        )
        return [
            (meter_id, dec(opening), None if first is None else dec(first))
            for meter_id, opening, first in rows
        ]
