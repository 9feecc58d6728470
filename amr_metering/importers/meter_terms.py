"""On which terms a row's meter supplies: the agreement, its account and tariff."""

from odoo import fields

from .base import RowError, utc
from .meter_facts import MeterFacts


class MeterTerms(MeterFacts):
    """Plans of agreements; terms that were used stay as they are."""

    def _plan_agreement(self, values, meter, spot, model, community):
        """Return the agreement's new or changed values, or None."""
        if not ("account" in values or "tariff" in values):
            return None
        for key in ("account", "tariff"):
            if key not in values:
                raise RowError(
                    self.env._("An agreement needs both account and tariff."), key
                )
        vals = {
            "account_id": self._find_account(values["account"]).id,
            "tariff_id": self._find_tariff(values["tariff"], model).id,
        }
        if "payment_mode" in values:
            vals["payment_mode"] = values["payment_mode"]
        if "agreed_from" in values:
            vals["date_from"] = utc(values["agreed_from"], community.tz)
        known = spot.point.agreement_ids if spot.point else ()
        now = fields.Datetime.now()
        current = [a for a in known if not a.date_to or a.date_to > now]
        if current:
            first = min(current, key=lambda a: a.date_from)
            return self._plan_terms(first, vals, meter)
        if "date_from" not in vals:
            vals["date_from"] = self._installed_at(values, meter, community)
        ended = max((a.date_to for a in known), default=None)
        if ended and ended > vals["date_from"]:
            raise RowError(
                self.env._("An earlier agreement ended at %s (UTC).", ended),
                "agreed_from",
            )
        return vals

    def _installed_at(self, values, meter, community):
        if "date_from" in values:
            return utc(values["date_from"], community.tz)
        return self._current_installation(meter).date_from

    def _plan_terms(self, current, vals, meter):
        changed = self.changes(current, vals)
        if changed and (
            self.was_read(meter, current.date_from) or self.was_used(current)
        ):
            columns = {"account_id": "account", "tariff_id": "tariff"}
            column = next(iter(changed))
            raise RowError(
                self.env._(
                    "Agreement %(name)s is in force and its meter was read: its terms "
                    "change at a reading. Use Transfer, or Move out and Move in.",
                    name=current.display_name,
                ),
                columns.get(column, column.replace("date_from", "agreed_from")),
            )
        return {**changed, "record": current} if changed else None

    def _find_account(self, number):
        account = self.accounts.get(number)
        if not account:
            raise RowError(
                self.env._("There is no account %s in your scope.", number), "account"
            )
        if account.state == "closed":
            raise RowError(
                self.env._("Account %s is closed.", account.display_name), "account"
            )
        return account

    def _find_tariff(self, name, model):
        found = self.tariffs.get((model.utility_id.id, name), ())
        if len(found) == 1:
            return found[0]
        raise RowError(
            self.env._(
                "There is no tariff “%(name)s” for %(utility)s, or more than one.",
                name=name,
                utility=model.utility_id.name,
            ),
            "tariff",
        )
