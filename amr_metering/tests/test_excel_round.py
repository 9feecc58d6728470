import base64
from decimal import Decimal

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from odoo.tests import tagged

from ..estate_book import look_alike, read_book, write_book
from ..importers.export import ArchiveRows
from .common import MeteringCommon

QUICK = settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
NAMES = st.text("01１Ａ 栋（）=-", min_size=1, max_size=5).filter(str.strip)
NOTES = st.one_of(st.just(False), st.text("=注１ a\n\t", max_size=6))
SINCE = st.sampled_from(["2025-06-30 16:00:00", "2026-01-15 03:04:05"])


def decimals(places, top):
    whole = st.integers(0, top * 10**places)
    return whole.map(lambda number: Decimal(number).scaleb(-places))


METERS = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["normal", "normal", "public", "master"]),
        "start_index": decimals(3, 999_999),
        "ratio": decimals(4, 400).filter(bool),
        "mode": st.sampled_from([None, "postpaid", "prepaid"]),
        "since": SINCE,
        "note": NOTES,
    }
)
ROOMS = st.fixed_dictionaries(
    {
        "name": NAMES,
        "area": decimals(2, 500),
        "note": NOTES,
        "meters": st.lists(METERS, max_size=3),
    }
)
BUILDINGS = st.lists(
    st.tuples(
        NAMES,
        NOTES,
        st.lists(ROOMS, max_size=2, unique_by=lambda room: look_alike(room["name"])),
    ),
    min_size=1,
    max_size=2,
)


@tagged("post_install", "-at_install")
class TestExcelRound(MeteringCommon):
    """Whatever an archive holds: out and in again is the same archive."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = cls._operator("round_manager", "amr_base.group_manager")
        cls.places = cls._community("0381", "Origin")

    def _fill(self, buildings):
        count = 0
        for code, (name, note, rooms) in enumerate(buildings, 1):
            building = self.env["amr.building"].create(
                {
                    "community_id": self.places.id,
                    "code": f"{code:03d}",
                    "name": name,
                    "note": note,
                }
            )
            for given_room in rooms:
                vals = {name: given_room[name] for name in ("name", "note")}
                room = self.env["amr.room"].create(
                    {
                        **vals,
                        "area": float(given_room["area"]),
                        "building_id": building.id,
                    }
                )
                for meter in reversed(given_room["meters"]):
                    count += 1
                    # later ones have lower numbers: order is not that of their points
                    self._hang(room, meter, f"{900 - count}")

    def _hang(self, room, given_meter, number):
        point = self.env["amr.metering.point"].create(
            {
                "utility_id": self.electricity.id,
                "kind": given_meter["kind"],
                "room_id": room.id,
            }
        )
        meter = self.env["amr.meter"].create(
            {
                "number": number,
                "model_id": self.meter_model.id,
                "ratio_percent": float(given_meter["ratio"]),
                "note": given_meter["note"],
            }
        )
        self.env["amr.installation"].create(
            {
                "meter_id": meter.id,
                "point_id": point.id,
                "date_from": given_meter["since"],
                "start_index": float(given_meter["start_index"]),
            }
        )
        if not given_meter["mode"]:
            return
        if not room.account_id:
            room.account_id = self.env["amr.account"].create(
                {
                    "number": f"7{number}",
                    "partner_id": self.partner.copy().id,
                    "community_id": self.places.id,
                }
            )
        self._agree(
            point,
            room.account_id,
            payment_mode=given_meter["mode"],
            date_from=given_meter["since"],
        )

    def _export(self, community):
        env = self.env(user=self.manager.id)
        rows = ArchiveRows(community.with_env(env)).sheets()
        return write_book(rows)

    def _import(self, data):
        record = (
            self.env["amr.excel.import"]
            .with_user(self.manager)
            .create({"file": base64.b64encode(data)})
        )
        record.action_check()
        record.action_import()
        problems = record.problem_ids.mapped("reason")
        self.assertFalse(problems)
        return record.sheet_ids

    def _rows(self, data):
        rows, problems = read_book(data, 9999)
        self.assertFalse(problems)
        return {key: [row.values for row in found] for key, found in rows.items()}

    @QUICK
    @given(BUILDINGS)
    def test_out_and_in_is_the_same(self, buildings):
        with self.env.cr.savepoint() as savepoint:
            self._fill(buildings)
            self.env.flush_all()
            first = self._export(self.places)
            sheets = self._import(first)
            self.assertFalse(sum(sheets.mapped("new")) + sum(sheets.mapped("changed")))
            self.assertEqual(self._rows(self._export(self.places)), self._rows(first))
            self._import_elsewhere(self._rows(first))
            savepoint.rollback()
        self.env.invalidate_all()
        self.registry.clear_cache()

    def _import_elsewhere(self, rows):
        """The same archive under another name and other numbers comes out the same."""
        copied = self._renamed(rows)
        sheets = self._import(write_book(copied))
        self.assertEqual(sheets.filtered("changed").ids, [])
        community = self.env["amr.community"].search([("full_code", "=", "90382")])
        # full-width names came in as plain ones, which have another place in the order
        self.assertEqual(
            self._unordered(self._rows(self._export(community))),
            self._unordered(copied),
        )

    @staticmethod
    def _unordered(rows):
        return {key: sorted(map(str, found)) for key, found in rows.items()}

    @staticmethod
    def _renamed(rows):
        def renamed(key, values):
            found = dict(values)
            if found.get("community"):
                found["community"] = "Copy"
            building = found.get("building") or ""
            if building.startswith("90381"):
                found["building"] = building.replace("90381", "90382")
            if key == "communities":
                found.update(code="0382", name="Copy")
            for name in ("number", "account"):
                if found.get(name):
                    found[name] = f"5{found[name]}"
            return found

        return {
            key: [renamed(key, values) for values in found]
            for key, found in rows.items()
        }
