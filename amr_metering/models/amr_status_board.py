from odoo import api, fields, models
from odoo.tools import SQL

EVENTS = 20  # of each kind, in what opens when a tile is clicked
STATES = {"cut": "cut", "comm_fault": "fault", "not_enabled": "new", "normal": "ok"}

# Compact rows: the browser gets thousands of them in one answer. The meters are found
# first (ARRAY), not joined: right after an import PostgreSQL expects but one of them.
BOARD_SQL = """
    SELECT m.id, m.number, COALESCE(r.name, ''), COALESCE(o.name, ''), m.utility_id,
           m.state, COALESCE(a.alarms, 0), COALESCE(x.findings, 0), p.kind,
           m.building_id, COALESCE(r.floor, 0)
      FROM amr_meter m
      JOIN amr_metering_point p ON p.id = m.point_id
      LEFT JOIN amr_room r ON r.id = m.room_id
      LEFT JOIN LATERAL (
        SELECT n.name FROM amr_agreement g
          JOIN amr_account c ON c.id = g.account_id
          JOIN res_partner n ON n.id = c.partner_id
         WHERE g.point_id = p.id AND g.date_from <= %(now)s
           AND (g.date_to IS NULL OR g.date_to > %(now)s)
         LIMIT 1) o ON true
      LEFT JOIN (SELECT meter_id, COUNT(*) AS alarms FROM amr_alarm
                  WHERE state <> 'closed' GROUP BY meter_id) a ON a.meter_id = m.id
      LEFT JOIN (SELECT meter_id, COUNT(*) AS findings FROM amr_exception
                  WHERE state <> 'resolved' AND kind = ANY(%(kinds)s)
                  GROUP BY meter_id) x ON x.meter_id = m.id
      LEFT JOIN amr_building b ON b.id = m.building_id
      LEFT JOIN amr_utility u ON u.id = m.utility_id
     WHERE m.id = ANY(ARRAY%(meters)s)
     ORDER BY b.code, b.id, p.kind <> 'normal', r.floor, r.name, u.sequence, m.number
"""


class AmrStatusBoard(models.AbstractModel):
    """Status board (状态报警界面): a tile a meter, by building and floor.

    DH6200V3 manual 2.2, note 2: black is cut, white works, red is a fault, yellow is
    an alarm; note 3: unusual use shows as an alarm, too.
    """

    _name = "amr.status.board"
    _description = "Status board"

    @api.model
    @api.readonly
    def get_board(self, community_id=False):
        """Return the tiles of one community in one answer.

        :param int community_id: the one to show; without it, or when it is out of the
            operator's scope, his first one
        :return: dict with ``communities``, ``community_id``, ``utilities`` and
            ``buildings``: floors of tiles ``[id, number, room, customer, utility,
            status, alarms]``
        """
        communities = self.env["amr.community"].search([("active", "=", True)])
        community = communities.filtered(lambda one: one.id == community_id)
        community = community or communities[:1]
        utilities = self.env["amr.utility"].search([("active", "in", (True, False))])
        return {
            "communities": [[one.id, one.name] for one in communities],
            "community_id": community.id,
            "utilities": {one.id: [one.name, one.icon] for one in utilities},
            "buildings": self._get_buildings(community),
        }

    @api.model
    def _get_buildings(self, community):
        rows = self._get_rows(community)
        names = dict(
            self.env["amr.building"]
            .search([("community_id", "=", community.id)])
            .mapped(lambda building: (building.id, building.name))
        )
        buildings = {}
        for *tile, kind, building_id, floor in rows:
            building = buildings.setdefault(
                building_id,
                {
                    "id": building_id or 0,
                    "name": names.get(building_id) or community.name,
                    "floors": {},
                },
            )
            shared = kind != "normal"
            tiles = building["floors"].setdefault(
                (shared, floor),
                {"floor": floor, "shared": shared, "tiles": []},
            )
            tiles["tiles"].append(self._prepare_tile(*tile))
        return [
            {**building, "floors": list(building["floors"].values())}
            for building in buildings.values()
        ]

    @api.model
    def _get_rows(self, community):
        """Return a row for every installed meter that the user may see."""
        domain = [("community_id", "=", community.id), ("point_id", "!=", False)]
        meters = self.env["amr.meter"]._search(domain)
        self.env.flush_all()
        return self.env.execute_query(
            SQL(
                BOARD_SQL,
                now=fields.Datetime.now(),
                kinds=list(self.env["amr.exception"]._get_kinds_about_use()),
                meters=meters.subselect(),
            )
        )

    @api.model
    def _prepare_tile(self, meter, number, room, owner, utility, state, alarms, found):
        """Return a tile; a fault outranks an alarm, and being cut outranks both."""
        status = STATES.get(state, "ok")
        alarms = max(alarms, found)
        if alarms and status in ("ok", "new"):
            status = "alarm"
        return [meter, number, room, owner, utility, status, alarms]

    @api.model
    @api.readonly
    def get_events(self, meter_id):
        """Return what happened to one meter: alarms, exceptions, last readings."""
        meter = self.env["amr.meter"].browse(meter_id)
        meter.check_access("read")
        domain = [("meter_id", "=", meter.id)]
        return {
            "meter": self._describe_meter(meter),
            "alarms": self._read_events(
                "amr.alarm",
                domain,
                ["kind", "last_value", "limit_value", "began_at", "ended_at", "state"],
            ),
            "exceptions": self._read_events(
                "amr.exception",
                domain,
                ["kind", "reason", "create_date", "state"],
                "create_date desc",
            ),
            "readings": self._read_events(
                "amr.reading",
                [*domain, ("register", "=", "total")],
                ["read_at", "index", "kind", "source", "quality"],
            ),
        }

    @api.model
    def _describe_meter(self, meter):
        state = meter._fields["state"].convert_to_export(meter.state, meter)
        return {
            "id": meter.id,
            "number": meter.number,
            "place": meter.point_id.display_name or "",
            "customer": meter.account_id.display_name or "",
            "utility": meter.utility_id.name,
            "unit": meter.uom_name,
            "state": state,
            "latest_index": meter.latest_index,
            "latest_at": fields.Datetime.to_string(meter.latest_at) or False,
            "silent_since": fields.Datetime.to_string(meter.comm_fault_since) or False,
            "can_read": self.env["amr.read.task"].has_access("create"),
            "can_acknowledge": self.env["amr.alarm"].has_access("write"),
        }

    @api.model
    def _read_events(self, model, domain, names, order=None):
        """Return the newest records of a model; selections as people read them."""
        Model = self.env[model]
        labels = {
            name: dict(Model._fields[name]._description_selection(self.env))
            for name in names
            if Model._fields[name].type == "selection"
        }
        rows = Model.search_read(domain, names, limit=EVENTS, order=order)
        for row in rows:
            row["status"] = row.get("state")
            for name, label in labels.items():
                row[name] = label.get(row[name], row[name])
        return rows
