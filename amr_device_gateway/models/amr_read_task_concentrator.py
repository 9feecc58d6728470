from collections import defaultdict
from datetime import timedelta

from odoo import fields, models

from ..tools import FRESH, PER_REQUEST, FrameRequest

SLACK = timedelta(minutes=10)  # that its clock may be behind


class AmrReadTaskConcentrator(models.Model):
    """Meters behind concentrators: read by frames, refreshed first if asked."""

    _inherit = "amr.read.task"  # pylint: disable=consider-merging-classes-inherited

    def _prepare_requests(self):
        """Put the meters that concentrators tell of by frames into frames."""
        requests = super()._prepare_requests()
        meters = self.env["amr.meter"].browse(
            [meter_id for request in requests for meter_id in request.meter_ids]
        )
        framed = meters.filtered(
            lambda meter: meter._is_read_by_frame(self._get_moment(meter))
        )
        ids = set(framed.ids)
        single = [request for request in requests if request.meter_id not in ids]
        return [*self._prepare_frame_requests(framed), *single]

    def _prepare_frame_requests(self, meters):
        """Return :class:`FrameRequest` of up to a hundred meters each."""
        by_concentrator = defaultdict(lambda: self.env["amr.meter"])
        for meter in meters:
            by_concentrator[meter.concentrator_id] |= meter
        requests = []
        for concentrator, its in by_concentrator.items():
            its = its.sorted("measuring_point")
            for start in range(0, len(its), PER_REQUEST):
                part = its[start : start + PER_REQUEST]
                requests.append(self._prepare_frame_request(concentrator, part))
        return requests

    def _prepare_frame_request(self, concentrator, meters):
        community = concentrator.community_id
        frozen = {}
        if self.kind != "spot" and self.freeze_date:
            frozen = {
                "kind": self.kind,
                "freeze_date": self.freeze_date,
                "read_at": community._local_midnight(self.freeze_date),
            }
        return FrameRequest(
            link=concentrator.link_id.key,
            terminal=concentrator.terminal,
            points={meter.measuring_point: meter.id for meter in meters},
            zone=community.tz,
            fresh_since=self._get_fresh_since(),
            **frozen,
        )

    def _get_moment(self, meter):
        """Return the earliest time that what this task takes was read or frozen at."""
        if self.kind != "spot" and self.freeze_date:
            return meter.community_id._local_midnight(self.freeze_date)
        return self._get_fresh_since()

    def _get_fresh_since(self):
        """Return since when a concentrator must have read a meter (naive UTC).

        After a refresh, what was not read since it began did not answer.
        """
        if self.refresh_first and self.started_at:
            return self.started_at - SLACK
        return fields.Datetime.now() - FRESH

    def _keep_results(self, results):
        kept = super()._keep_results(results)
        answered = [result.meter_id for result in results if not result.error]
        meters = self.env["amr.meter"].browse(answered)
        meters.concentrator_id._note_answer()
        return kept

    def _request_refresh(self):
        """Let the concentrators of this task read their meters anew (KTAMR 4.5)."""
        refreshed = super()._request_refresh()
        concentrators = self._get_remote_lines().meter_id.concentrator_id.filtered(
            lambda one: one.is_framed and one.link_id and one.protocol == "gdw376"
        )
        if not concentrators:
            return refreshed
        wait = self._get_parameter("amr.refresh_wait", 300)
        concentrators.sudo()._command(
            "collect_again",
            # later it would make the meters' values younger than the collection
            deadline=fields.Datetime.now() + timedelta(seconds=wait),
        )
        return True
