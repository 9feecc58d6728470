"""The sentence that explains a charge on the bill, in the customer's language."""

from datetime import timedelta

from odoo import fields
from odoo.tools.misc import format_date


def plain(number):
    """A Decimal without the zeros that say nothing."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def local_time(env, community, moment):
    """A UTC time as somebody in the community reads it."""
    local = fields.Datetime.context_timestamp(
        community.with_context(tz=community.tz), moment
    )
    return local.strftime("%Y-%m-%d %H:%M")


def period_text(env, community, start, end):
    """First and last local day of [start, end), both included."""
    return env._(
        "%(first)s to %(last)s",
        first=format_date(env, community._local_date(start)),
        last=format_date(env, community._local_date(end - timedelta(microseconds=1))),
    )


def component_text(env, component):
    """Register or step of a charge; empty for the plain total."""
    register, _slash, step = component.partition("/")
    if step:
        return env._("step %(number)s", number=step)
    if register == "total":
        return ""
    labels = env["amr.tariff.line"]._fields["register"]._description_selection(env)
    return dict(labels).get(register, register)


class ChargeText:
    """Words the pieces of one agreement."""

    def __init__(self, agreement):
        self.env = agreement.env
        self.agreement = agreement
        place = agreement.room_id or agreement.point_id
        self.place = place.display_name or ""
        self.utility = agreement.utility_id.name
        self.unit = agreement.utility_id.uom_name

    def explain(self, piece):
        """One text of up to two lines: what it is, and how the amount came about."""
        return f"{self._title(piece)}\n{self._detail(piece)}"

    def _title(self, piece):
        if piece.kind == "minimum":
            return self.env._(
                "%(utility)s, %(place)s: up to the minimum charge",
                utility=self.utility,
                place=self.place,
            )
        if piece.kind in ("surcharge", "fixed"):
            surcharge = self.env["amr.tariff.surcharge"].browse(piece.surcharge)
            return self.env._(
                "%(surcharge)s (%(utility)s), %(place)s",
                surcharge=surcharge.name,
                utility=self.utility,
                place=self.place,
            )
        title = self.env._(
            "%(utility)s, %(place)s, meter %(meter)s",
            utility=self.utility,
            place=self.place,
            meter=self.env["amr.meter"].browse(piece.meter).number,
        )
        part = component_text(self.env, piece.component)
        return f"{title} ({part})" if part else title

    def _detail(self, piece):
        period = period_text(
            self.env, self.agreement.community_id, piece.start, piece.end
        )
        if piece.kind in ("fixed", "minimum"):
            return period
        if piece.kind == "surcharge":
            return self.env._(
                "%(period)s: %(quantity)s %(unit)s at %(price)s",
                period=period,
                quantity=plain(piece.quantity),
                unit=self.unit,
                price=plain(piece.unit_price),
            )
        text = self.env._(
            "%(period)s: index %(start)s to %(end)s, factor %(factor)s; "
            "%(quantity)s %(unit)s at %(price)s",
            period=period,
            start=plain(piece.start_index),
            end=plain(piece.end_index),
            factor=plain(piece.factor),
            quantity=plain(piece.quantity),
            unit=self.unit,
            price=plain(piece.unit_price),
        )
        return text + (self.env._(" (estimated)") if piece.estimated else "")
