from odoo import models
from odoo.exceptions import UserError
from odoo.tools import SQL

from odoo.addons.amr_base.tools import dec

from .interval_sql import CONTRADICTIONS_SQL, HELD_OF_METERS_SQL


class AmrInterval(models.Model):
    """What people decide about hours: good after all, or wrong after all.

    Only the quality changes; what was measured stays (I9). The daily freeze that the
    hour of midnight is shares its fate.
    """

    _inherit = "amr.interval"  # pylint: disable=consider-merging-classes-inherited

    def action_accept(self):
        """Take hours as good; others of the same time are superseded.

        :raises UserError: what is used next to it contradicts, or the meter's ratios
            changed at that time, at another index
        """
        self.meter_id.check_access("write")  # an administrator's decision
        self.filtered(lambda hour: hour.quality != "ok")._accept()
        self._settle_exceptions(self.env._("Accepted by %s.", self.env.user.name))
        return True

    def action_put_aside(self):
        """The hours are wrong: they are not used, until somebody accepts them.

        :raises UserError: the meter's ratios changed at one of them
        """
        self.meter_id.check_access("write")
        hours = self.filtered(lambda hour: hour.quality in ("ok", "suspect"))
        hours._put_aside()
        hours._settle_exceptions(
            self.env._("Put aside by %s: never used.", self.env.user.name)
        )
        return True

    def _accept(self):
        Reading = self.env["amr.reading"]
        self._check_one_a_time()
        Reading._check_no_seam(self, lambda one, seam: one != seam)
        for hour in self.sorted("read_at"):
            Reading._refuse_contradiction(hour, *hour._get_contradictions())
            hour._set_quality_of_rivals("superseded", "ok", "estimated", "suspect")
            hour._set_quality("ok")
            if hour._is_midnight():
                hour._accept_freeze()
        self._judge_again()
        self.meter_id.sudo()._refresh_latest()
        self._log(self.env._("Interval readings accepted: %s"))

    def _put_aside(self):
        used = self.filtered(lambda hour: hour.quality == "ok")
        Reading = self.env["amr.reading"]
        Reading._check_no_seam(used, lambda one, seam: one == seam)
        self._set_quality("aside")
        for hour in self:
            # the freeze of an hour that was held back may be in use
            hour._get_freezes().filtered(lambda r: r.quality == "ok").action_put_aside()
        for hour in used:
            hour._give_way_back()
        self._judge_again()
        self.meter_id.sudo()._refresh_latest()
        self._log(self.env._("Interval readings put aside: %s"))

    def _check_one_a_time(self):
        """:raises UserError: several of these are of one register and time"""
        seen = set()
        for hour in self:
            key = hour.meter_id, hour.register, hour.read_at
            if key in seen:
                raise UserError(
                    self.env._(
                        "Meter %(meter)s: more than one index was held back for "
                        "%(time)s. Accept the right one in the list of interval "
                        "readings.",
                        meter=hour.meter_id.number,
                        time=hour.meter_id._format_moment(hour.read_at),
                    )
                )
            seen.add(key)

    def _get_contradictions(self):
        """As with readings: the used index before and after that speaks against it.

        What the meter showed before it was put in anew says nothing.
        """
        self.ensure_one()
        [found] = self.env.execute_query(
            SQL(
                CONTRADICTIONS_SQL,
                meter=self.meter_id.id,
                register=self.register,
                at=self.read_at,
                index=dec(self.index),
            )
        )
        return found

    def _set_quality(self, quality):
        for hour in self:
            hour._update(SQL("index = %s", dec(hour.index)), quality)
        self.invalidate_model(["quality"])
        self.env["amr.exception"].invalidate_model(["suspect_count", "blocks_billing"])

    def _set_quality_of_rivals(self, quality, *now):
        """Change the others of one time, if their quality is one of ``now``."""
        other = SQL("index <> %s AND quality IN %s", dec(self.index), now)
        self._update(other, quality)
        self.invalidate_model(["quality"])

    def _update(self, which, quality):
        self.env.cr.execute(
            SQL(
                """
                UPDATE amr_interval SET quality = %s
                 WHERE meter_id = %s AND register = %s AND read_at = %s AND %s
                """,
                quality,
                self.meter_id.id,
                self.register,
                self.read_at,
                which,
            )
        )

    def _give_way_back(self):
        """Use again what this hour had superseded, if nothing speaks against it."""
        rival = self.search(
            [
                ("meter_id", "=", self.meter_id.id),
                ("register", "=", self.register),
                ("read_at", "=", self.read_at),
                ("quality", "=", "superseded"),
            ]
        )
        if len(rival) == 1 and not any(rival._get_contradictions()):
            rival._set_quality("ok")

    def _judge_again(self):
        """Let what these meters hold back come in again: some of it may fit now."""
        self.env["amr.exception"].flush_model()
        rows = self.env.execute_query_dict(
            SQL(HELD_OF_METERS_SQL, list(self.meter_id.ids))
        )
        if rows:
            self.env["amr.reading"]._ingest(rows)

    def _follow(self, resolution):
        """Do what follows where hours shared the fate of their freezes."""
        if self:
            self._judge_again()
            self._settle_exceptions(resolution)

    def _settle_exceptions(self, resolution):
        """Settle what was raised about these hours and holds nothing back any more."""
        exceptions = self.env["amr.exception"].search(
            [
                ("meter_id", "in", self.meter_id.ids),
                ("hourly", "=", True),
                ("state", "=", "open"),
                ("verdict_ids.at", "in", self.mapped("read_at")),
            ]
        )
        exceptions.filtered(lambda e: not e.suspect_count)._settle(resolution)

    # === The freeze of midnight === #

    def _is_midnight(self):
        community = self.meter_id.community_id
        return bool(community) and self.read_at == community._local_midnight(
            community._local_date(self.read_at)
        )

    def _get_freezes(self):
        """Return the daily freeze that this hour came in as, too."""
        if not self._is_midnight():
            return self.env["amr.reading"]
        freezes = self.env["amr.reading"].search(
            [
                ("meter_id", "=", self.meter_id.id),
                ("register", "=", self.register),
                ("kind", "=", "daily"),
                ("read_at", "=", self.read_at),
            ]
        )
        return freezes.filtered(lambda freeze: dec(freeze.index) == dec(self.index))

    def _accept_freeze(self):
        """Let this hour be the daily freeze, whatever else was known for its day."""
        self.env["amr.reading"]._ingest(
            [
                {
                    "meter_id": self.meter_id.id,
                    "register": self.register,
                    "read_at": self.read_at,
                    "kind": "daily",
                    "source": self.source,
                    "index": dec(self.index),
                }
            ]
        )
        freeze = self._get_freezes()
        freeze.action_accept()
        freeze.filtered("superseded_by_id")._accept()

    def _log(self, text):
        """Tell on each meter what was decided about its hours."""
        for meter in self.meter_id:
            hours = self.filtered(lambda hour, meter=meter: hour.meter_id == meter)
            told = ", ".join(f"{dec(one.index)} ({one.read_at} UTC)" for one in hours)
            meter.message_post(body=text % told)
