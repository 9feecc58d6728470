from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..headend.protocols import registry
from ..headend.protocols.gdw376_archive import Archive
from ..headend.protocols.gdw376_forward import Forwarded
from ..tools import AHEAD, FRESH

FREE_POINTS = range(1, 2041)
#: What changes when a measuring point may be another meter's, or this one at another.
PLACE = (
    "active",
    "number",
    "address",
    "bus_address",
    "model_id.protocol",
    "measuring_point",
    "link_id",
    "concentrator_id.terminal",
    "concentrator_id.link_id",
    "concentrator_id.connection",
    "concentrator_id.port",
)


class AmrMeterConcentrator(models.Model):
    """A meter behind a concentrator: its collector and its measuring point there."""

    _inherit = "amr.meter"  # pylint: disable=consider-merging-classes-inherited
    _evidence = frozenset({"is_listed", "listed_at", "place_since"})

    collector_id = fields.Many2one(
        "amr.collector",
        index="btree_not_null",
        ondelete="restrict",
        tracking=True,
        domain="['|', ('concentrator_id', '=', concentrator_id), "
        "(not concentrator_id, '=', 1)]",
    )
    concentrator_id = fields.Many2one(
        "amr.concentrator",
        compute="_compute_concentrator_id",
        store=True,
        readonly=False,
        precompute=True,
        index="btree_not_null",
        ondelete="restrict",
        tracking=True,
        help="Follows from the collector, unless the meter hangs on it directly.",
    )
    measuring_point = fields.Integer(
        "Measuring point",
        compute="_compute_measuring_point",
        store=True,
        readonly=False,
        copy=False,
        aggregator=None,
        help="Number of the meter in the concentrator's list, 1 to 2040; the first "
        "free one is proposed.",
    )
    is_listed = fields.Boolean(
        "Known to the concentrator",
        compute="_compute_is_listed",
        store=True,
        copy=False,
        help="The concentrator's list was read back and has this meter at its "
        "measuring point. Until then its values are not taken from the concentrator: "
        "the meter is asked one by one. Send or compare the list of meters.",
    )
    listed_at = fields.Datetime(
        "In its list since",
        readonly=True,
        copy=False,
        help="When the list that has this meter was first read back. What the "
        "concentrator read or froze before can be of the meter that was at the "
        "measuring point then, and is not taken: the meter is asked itself.",
    )
    place_since = fields.Datetime(
        "Place unchanged since",
        compute="_compute_place_since",
        store=True,
        help="When it was last entered anew at its measuring point, the list was sent, "
        "or the list was read back without it.",
    )
    link_id = fields.Many2one(
        compute="_compute_link_id", store=True, readonly=False, precompute=True
    )

    _point_unique = models.UniqueIndex(
        "(concentrator_id, measuring_point) WHERE active AND measuring_point > 0",
        "Another meter of the concentrator has this measuring point.",
    )
    _point_sane = models.Constraint(
        "CHECK (measuring_point IS NULL OR measuring_point BETWEEN 0 AND 2040)",
        "Measuring points are numbered from 1 to 2040.",
    )

    @api.depends("collector_id")
    def _compute_concentrator_id(self):
        for meter in self.filtered("collector_id"):
            meter.concentrator_id = meter.collector_id.concentrator_id

    @api.depends("concentrator_id.link_id")
    def _compute_link_id(self):
        for meter in self.filtered("concentrator_id"):
            meter.link_id = meter.concentrator_id.link_id

    @api.depends(*PLACE)
    def _compute_is_listed(self):
        """Forget what the list said as soon as it can be another meter's place.

        Only reading the list back says more (``_keep_differences``).
        """
        self.is_listed = False

    @api.depends(*PLACE)
    def _compute_place_since(self):
        self.place_since = fields.Datetime.now()

    @api.depends("concentrator_id")
    def _compute_measuring_point(self):
        """Propose the first free points; a meter that moved gets a new one."""
        taken = {}
        for meter in self:
            concentrator = meter.concentrator_id
            if not concentrator:
                meter.measuring_point = 0
                continue
            if concentrator not in taken:
                taken[concentrator] = self._get_taken_points(concentrator)
            points = taken[concentrator]
            if not meter.measuring_point or meter.measuring_point in points:
                meter.measuring_point = next(
                    (point for point in FREE_POINTS if point not in points), 0
                )
            points.add(meter.measuring_point)

    def _get_taken_points(self, concentrator):
        """Return the points of the other meters of a concentrator."""
        domain = [
            ("concentrator_id", "=", concentrator._origin.id),
            ("id", "not in", self._origin.ids),
        ]
        return set(self.sudo().search(domain).mapped("measuring_point"))

    @api.constrains("concentrator_id", "collector_id", "link_id", "point_id")
    def _check_concentrator(self):
        for meter in self.filtered("concentrator_id"):
            concentrator = meter.concentrator_id
            collector = meter.collector_id
            if collector and collector.concentrator_id != concentrator:
                raise ValidationError(
                    self.env._(
                        "Collector %(collector)s does not belong to %(concentrator)s.",
                        collector=collector.display_name,
                        concentrator=concentrator.display_name,
                    )
                )
            if meter.community_id not in (
                concentrator.community_id,
                meter.community_id.browse(),
            ):
                raise ValidationError(
                    self.env._(
                        "Meter %(meter)s is in another community than "
                        "%(concentrator)s.",
                        meter=meter.number,
                        concentrator=concentrator.display_name,
                    )
                )
            if meter.link_id != concentrator.link_id:
                raise ValidationError(
                    self.env._(
                        "Meter %(meter)s is reached over the device link of "
                        "%(concentrator)s: take it off the concentrator first.",
                        meter=meter.number,
                        concentrator=concentrator.display_name,
                    )
                )

    # === Reading === #

    def _get_protocol(self):
        """Return the protocol that reaches this meter, through its concentrator.

        :raises UserError: the model is read by eye
        """
        protocol = self.model_id._get_protocol()
        concentrator = self.concentrator_id
        if not concentrator.is_framed:
            return protocol
        return Forwarded(
            protocol,
            concentrator.terminal,
            concentrator.port,
            self._get_baud(),
            registry.get(concentrator.protocol),
        )

    def _get_baud(self):
        return int(self.box_id.baud_rate or 2400)

    def _is_read_by_frame(self, moment):
        """Whether the concentrator's own values of a moment are this meter's index.

        The items of 376.1 are kWh; how it tells cubic metres is not published, so
        other meters are asked one by one through it. A measuring point that was not
        seen in its list can be that of the meter before, and so can what was read or
        frozen there before: asked one by one, a meter's own address proves whose index
        it is.

        :param datetime moment: naive UTC, when it was read or frozen, or the earliest
            that it may have been
        """
        return self._has_listed_index() and self.listed_at + AHEAD <= moment

    def _has_listed_index(self):
        return (
            self.concentrator_id.is_framed
            and self.concentrator_id.protocol == "gdw376"
            and self.is_listed
            and bool(self.listed_at)
            and self.measuring_point > 0
            and self.utility_id.code == "electricity"
        )

    def _is_told_by_frame(self, moment):
        """Whether what its concentrator told by itself is this meter's index.

        Nobody can ask for it again. So what it read on the day before its list was seen
        counts too, when nothing speaks against the place since before: the meter hung
        there, no list was sent, and none was read back without it.

        :param datetime moment: naive UTC, when it was read or frozen
        """
        if self._is_read_by_frame(moment):
            return True
        return (
            self._has_listed_index()
            and bool(self.place_since)
            and self.place_since + AHEAD <= moment
            and self.listed_at - FRESH <= moment
            and self._is_installed_at(moment)
        )

    def _is_installed_at(self, moment):
        return any(
            one.date_from <= moment and not one.date_to for one in self.installation_ids
        )

    def _prepare_archive(self):
        """Return this meter's row in the concentrator's list; the place is the point's.

        :rtype: Archive
        """
        self.ensure_one()
        return Archive(
            number=self.measuring_point,
            point=self.measuring_point,
            address=self._get_remote_address(),
            protocol=self.protocol,
            port=self.concentrator_id.port,
            baud=self._get_baud(),
            rates=4 if self.utility_id.code == "electricity" else 1,
            collector=self.collector_id._get_archive_number(),
        )
