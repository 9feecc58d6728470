from odoo import api, fields, models
from odoo.tools import SQL

from .interval_sql import HOLDING_SQL
from .vee_kinds import ABOUT_USE, FINDINGS

QUIET = {
    "tracking_disable": True,
    "mail_create_nolog": True,
    "mail_create_nosubscribe": True,
    "mail_notrack": True,
}


# Of what one exception found, so many lines of its reason are shown: a meter whose
# clock is dead is found anew with each push.
FIRST_LINES, LAST_LINES, GAP = 3, 5, "…"


class AmrException(models.Model):
    """Exception: a reading, or a missing one, that somebody must look at.

    There is one open exception a meter and kind, and one of its hours; what is found
    meanwhile is added to its reason and counted. The findings themselves are kept: as
    verdicts, refused rows or readings.
    """

    _name = "amr.exception"
    _inherit = ["amr.evidence.mixin", "mail.thread", "mail.activity.mixin"]
    _description = "Exception"
    _order = "state, create_date desc, id desc"
    _rec_name = "reason"
    _evidence = frozenset(
        {
            "kind",
            "reason",
            "meter_id",
            "reading_id",
            "task_id",
            "community_id",
            "building_id",
            "origin",
            "hourly",
            "found_at",
            "found_count",
            "last_found_at",
        }
    )

    kind = fields.Selection(
        [
            *FINDINGS,
            ("unknown", "Unknown meter"),
            ("refused", "Refused rows"),
            ("device", "Device"),
        ],
        required=True,
        readonly=True,
        index=True,
    )
    reason = fields.Text(required=True, readonly=True)
    meter_id = fields.Many2one("amr.meter", readonly=True, index=True)
    point_id = fields.Many2one(related="meter_id.point_id", string="Metering point")
    utility_id = fields.Many2one(related="meter_id.utility_id")
    reading_id = fields.Many2one("amr.reading", readonly=True)
    verdict_ids = fields.One2many(
        "amr.reading.verdict", "exception_id", "Findings", readonly=True
    )
    suspect_count = fields.Integer(compute="_compute_suspect_count")
    blocks_billing = fields.Boolean(
        compute="_compute_blocks_billing",
        search="_search_blocks_billing",
        help="Open, and a reading is missing or held back: the meter's month may not "
        "be billed before this is settled.",
    )
    task_id = fields.Many2one("amr.read.task", readonly=True, index="btree_not_null")
    origin = fields.Char(
        readonly=True, index="btree_not_null", help="The document it is about."
    )
    hourly = fields.Boolean(
        "About hours", readonly=True, help="Of the interval store, not of readings."
    )
    community_id = fields.Many2one("amr.community", readonly=True, index=True)
    building_id = fields.Many2one(
        related="meter_id.building_id", store=True, index="btree_not_null"
    )
    company_id = fields.Many2one(
        "res.company",
        required=True,
        readonly=True,
        default=lambda self: self.env.company,
    )
    state = fields.Selection(
        [("open", "Open"), ("resolved", "Resolved")],
        default="open",
        required=True,
        tracking=True,
        index=True,
    )
    found_at = fields.Datetime(
        "About", readonly=True, help="The time the first finding is about."
    )
    found_count = fields.Integer("Times found", default=1, readonly=True)
    last_found_at = fields.Datetime(
        "Found last", readonly=True, default=lambda self: fields.Datetime.now()
    )
    age = fields.Integer("Days open", compute="_compute_age")
    user_id = fields.Many2one(
        "res.users", "Responsible", tracking=True, domain=[("share", "=", False)]
    )
    resolution = fields.Text(tracking=True)
    resolved_at = fields.Datetime(readonly=True)

    @api.depends("create_date", "resolved_at")
    def _compute_age(self):
        now = fields.Datetime.now()
        for exception in self:
            opened = exception.create_date or now
            exception.age = ((exception.resolved_at or now) - opened).days

    @api.depends("reading_id.quality", "verdict_ids.reading_id.quality")
    def _compute_suspect_count(self):
        hours = self._count_held_hours()
        for exception in self:
            exception.suspect_count = len(exception._get_suspects()) + hours.get(
                exception.id, 0
            )

    @api.depends("state", "kind", "suspect_count")
    def _compute_blocks_billing(self):
        for exception in self:
            exception.blocks_billing = exception.state == "open" and (
                exception.kind in ("missing", "unknown") or exception.suspect_count > 0
            )

    @api.model
    def _search_blocks_billing(self, operator, value):
        if operator != "in":
            return NotImplemented
        blocking = fields.Domain("state", "=", "open") & fields.Domain.OR(
            [
                [("kind", "in", ("missing", "unknown"))],
                [("reading_id.quality", "=", "suspect")],
                [("verdict_ids.reading_id.quality", "=", "suspect")],
                [("id", "in", SQL(HOLDING_SQL))],
            ]
        )
        return fields.Domain.OR(blocking if one else ~blocking for one in value)

    def _get_suspects(self):
        """Return the readings of these exceptions that are held back."""
        readings = self.reading_id | self.verdict_ids.reading_id
        return readings.filtered(lambda reading: reading.quality == "suspect")

    @api.model
    def _get_kinds_about_use(self):
        """Return the kinds that tell of abnormal use (hook)."""
        return ABOUT_USE

    # === Raising === #

    @api.model
    def _raise_exception(
        self,
        kind,
        reason,
        meter=None,
        reading=None,
        task=None,
        community=None,
        origin=None,
    ):
        """Open an exception, or add to the open one of the same kind and meter.

        :param str origin: the document it is about: others keep theirs apart
        """
        return self._raise_all(
            [
                {
                    "kind": kind,
                    "reason": reason,
                    "meter": meter or self.env["amr.meter"],
                    "reading": reading or self.env["amr.reading"],
                    "task": task or self.env["amr.read.task"],
                    "community": community or self.env["amr.community"],
                    "origin": origin,
                }
            ]
        )

    @api.model
    def _raise_all(self, findings):
        """Open exceptions for findings, or add to the open ones; in a few queries.

        :param list findings: dicts of what :meth:`_raise_exception` takes, all but
            ``kind`` and ``reason`` optional, and ``found_at``, ``verdict``, ``company``
        :return: the exceptions, one a finding at most
        """
        Exception_ = self.env["amr.exception"].sudo()
        known = Exception_._find_open(findings)
        fresh = {}
        for finding in findings:
            key = self._get_key(finding)
            if key and key in known:
                known[key]._add_finding(finding)
            elif key and key in fresh:
                self._merge_finding(fresh[key], finding)
            else:
                fresh[key or id(finding)] = self._prepare_exception(finding)
        created = Exception_.with_context(**QUIET).create(list(fresh.values()))
        raised = {**dict(zip(fresh, created, strict=True)), **known}
        for finding in findings:
            if finding.get("verdict"):
                finding["verdict"].exception_id = raised[self._get_key(finding)]
        return Exception_.union(*raised.values())

    @api.model
    def _get_key(self, finding):
        """Return what findings of one exception have in common; None: nothing."""
        meter, origin = finding.get("meter"), finding.get("origin")
        if not meter and not origin:
            return None
        # one of two values is accepted: each has an exception of its own
        reading = finding["kind"] == "conflict" and finding.get("reading")
        return (
            finding["kind"],
            meter.id if meter else False,
            reading.id if reading else False,
            origin or False,
            finding.get("hourly") or False,
        )

    @api.model
    def _find_open(self, findings):
        """Return ``{key: open exception}`` for findings."""
        keys = {self._get_key(finding) for finding in findings} - {None}
        if not keys:
            return {}
        domain = [
            ("state", "=", "open"),
            ("kind", "in", list({key[0] for key in keys})),
            ("meter_id", "in", list({key[1] for key in keys})),
        ]
        origins = {key[3] for key in keys}
        if False not in origins:
            domain.append(("origin", "in", list(origins)))
        found = {}
        for exception in self.search(domain, order="id"):
            reading = exception.kind == "conflict" and exception.reading_id
            found[
                exception.kind,
                exception.meter_id.id,
                reading.id if reading else False,
                exception.origin or False,
                exception.hourly,
            ] = exception
        return {key: found[key] for key in keys & found.keys()}

    @api.model
    def _prepare_exception(self, finding):
        def value(name):
            return finding[name].id if finding.get(name) else False

        meter, community = finding.get("meter"), finding.get("community")
        community = community or (meter and meter.community_id)
        company = finding.get("company") or (community or meter or self).company_id[:1]
        return {
            "kind": finding["kind"],
            "reason": finding["reason"],
            "meter_id": value("meter"),
            "reading_id": value("reading"),
            "task_id": value("task"),
            "origin": finding.get("origin") or False,
            "hourly": finding.get("hourly") or False,
            "community_id": community.id if community else False,
            "company_id": (company or self.env.company).id,
            "user_id": community.user_id.id if community else False,
            "found_at": finding.get("found_at") or fields.Datetime.now(),
            "found_count": 1,
        }

    def _add_finding(self, finding):
        """Add what was found meanwhile; what is written there stays."""
        self.ensure_one()
        self.reason = self._extend_reason(self.reason, finding["reason"])
        self.found_count += 1
        self.last_found_at = fields.Datetime.now()
        if finding.get("task"):
            self.task_id = finding["task"]

    @api.model
    def _merge_finding(self, values, finding):
        values["reason"] = self._extend_reason(values["reason"], finding["reason"])
        values["found_count"] += 1

    @api.model
    def _extend_reason(self, reason, more):
        """Return a reason with one more; of many the first and the last are told."""
        if more in reason:
            return reason
        lines = [*reason.split("\n"), more]
        if len(lines) > FIRST_LINES + LAST_LINES:
            lines = [*lines[:FIRST_LINES], GAP, *lines[-LAST_LINES:]]
        return "\n".join(lines)

    # === Resolving === #

    def action_resolve(self):
        self.write({"state": "resolved", "resolved_at": fields.Datetime.now()})

    def action_reopen(self):
        self.write({"state": "open", "resolved_at": False})

    def _settle(self, resolution):
        """Resolve with a sentence that says why; what people wrote stays."""
        for said, alike in self.sudo().grouped("resolution").items():
            alike.resolution = "\n".join(filter(None, (said, resolution)))
        self.sudo().action_resolve()

    @api.model
    def _settle_each(self, resolutions):
        """Resolve many, each with its own sentence, without a message for each.

        :param dict resolutions: ``{exception_id: sentence}``
        """
        exceptions = self.sudo().browse(resolutions).with_context(**QUIET)
        for exception in exceptions:
            said = filter(None, (exception.resolution, resolutions[exception.id]))
            exception.resolution = "\n".join(said)
        exceptions.action_resolve()
