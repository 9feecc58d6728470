from datetime import timedelta

from odoo import api, fields, models

from ..tools import count
from .amr_headend_event import EventError

FLOOD = "unknown terminals"
#: Within this time two devices of one number have ended each other's sessions.
TURNS = timedelta(hours=6)


class AmrHeadendEventLink(models.Model):
    """Devices that come, go, come twice, or that nobody has entered."""

    _inherit = "amr.headend.event"  # pylint: disable=consider-merging-classes-inherited

    def _process_link_up(self):
        if not self.link_id:
            self._process_unknown_terminal()
            return
        link = self.link_id._set_presence(
            True, self._get_at(), self.body.get("peer"), self.headend
        )
        if link and link.state == "active":
            link._on_link_up()

    def _process_link_down(self):
        self.link_id._set_presence(False, self._get_at(), headend=self.headend)

    # === Twice === #

    def _process_link_replaced(self):
        """A second log-in ended an open session: kept to be looked at.

        One device whose line broke unnoticed comes again, in mobile networks from
        another address. When the address it had before takes over again, two devices
        have the same number, and each answers for the other.
        """
        link, body = self.link_id, self.body
        peer, old = _host(body.get("peer")), _host(body.get("old"))
        if link.state != "active" or not peer or not old or peer == old:
            return
        if not self._was_replaced_lately(peer):
            return
        self._raise_once(
            f"{link.key} twice",
            self.env._(
                "%(link)s logs in from %(peer)s and from %(old)s by turns: two devices "
                "have the same terminal number, and each answers for the other. "
                "Compare the number set in each device.",
                link=link.display_name,
                peer=peer,
                old=old,
            ),
            link.community_id,
        )

    def _was_replaced_lately(self, host):
        """Return whether this link had a session from a host that another one ended."""
        since = self.at - TURNS
        earlier = self.search(
            [
                ("type", "=", "link_replaced"),
                ("link_id", "=", self.link_id.id),
                ("at", ">", since),
                ("id", "!=", self.id),
            ]
        )
        return any(_host((one.body or {}).get("old")) == host for one in earlier)

    @api.model
    def _raise_once(self, origin, reason, community=None):
        """Open an exception, unless one of this origin is open."""
        exceptions = self.env["amr.exception"].sudo()
        known = [("origin", "=", origin), ("state", "=", "open")]
        if not exceptions.search_count(known, limit=1):
            exceptions._raise_exception(
                "device", reason, community=community, origin=origin
            )

    # === Strangers === #

    def _process_unknown_terminal(self):
        """Show a terminal that nobody has entered, so that it can be adopted."""
        if not self.link_id:
            kind, _colon, terminal = self.link.partition(":")
            kinds = dict(self.env["amr.link"]._fields["kind"].selection)
            if kind not in kinds or not terminal:
                raise EventError(f"The field link is not kind:terminal: {self.link}")
            if self._is_flood():
                return
            self.link_id = self.env["amr.link"].create(
                {
                    "name": terminal,
                    "kind": kind,
                    "terminal": terminal,
                    "state": "unknown",
                }
            )
        if self.link_id.state == "unknown":
            self.link_id._set_presence(
                True, self._get_at(), self.body.get("peer"), self.headend
            )

    def _is_flood(self):
        """Return whether more strangers came within an hour than people can look at.

        The event says why it was not taken in, and an exception tells people. A device
        that is entered by hand is let in all the same.
        """
        limit = count(self.env, "amr.unknown_per_hour")
        since = fields.Datetime.now() - timedelta(hours=1)
        fresh = (
            self.env["amr.link"]
            .with_context(active_test=False)
            .search_count(
                [("state", "=", "unknown"), ("create_date", ">", since)], limit=limit
            )
        )
        if fresh < limit:
            return False
        reason = self.env._(
            "More than %(limit)s unknown terminals logged in within an hour, the last "
            "one from %(peer)s: they are not listed any more. Find out who connects; a "
            "device of yours is let in as soon as its number is entered.",
            limit=limit,
            peer=self.body.get("peer") or "?",
        )
        self._reject(reason)
        self._raise_once(FLOOD, reason)
        return True


def _host(peer):
    """Address of ``host:port``."""
    return (peer or "").rpartition(":")[0]
