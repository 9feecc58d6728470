"""What meters measure, by the names of the event log."""

from decimal import Decimal

import pytest
from headend.protocols import dlt645, registry
from headend.protocols.base import Unsupported
from headend.protocols.measured import measured_from

DLT = registry.get("dlt645-2007")

# data of DL/T 645-2007, table A.3; the top bit of a current is its direction
REPLIES = {
    0x02010100: "1423",
    0x02020100: "002580",
    0x02800001: "500900",
    0x02030000: "905680",
    0x02060000: "8489",
    0x02800002: "0250",
    0x00010000: "73240100",
    0x00020000: "36000000",
}


def reply(di, data):
    raw = di.to_bytes(4, "little") + bytes.fromhex(data)
    return DLT.decode(dlt645.build("1", 0x91, raw))


def test_replies_get_the_names_of_the_event_log():
    values = measured_from(reply(di, data) for di, data in REPLIES.items())
    assert {name: str(value) for name, value in values.items()} == {
        "voltage_a": "231.4",
        "current_a": "-2.500",
        "current_n": "0.950",
        "power": "-0.5690",
        "power_factor": "-0.984",
        "frequency": "50.02",
        "import_index": "124.73",
        "export_index": "0.36",
    }


def test_what_a_meter_refuses_is_left_out():
    refused = DLT.decode(dlt645.build("1", 0xD1, b"\x02"))
    assert measured_from([refused, reply(0x02010100, "1423")]) == {
        "voltage_a": Decimal("231.4")
    }


@pytest.mark.parametrize("phases", ["a", "abc"])
def test_each_item_is_asked_for_alone(phases):
    asked = {
        int.from_bytes(dlt645.parse(frame).data[:4], "little")
        for frame in DLT.read_measured("1", phases)
    }
    more = {0x02010200, 0x02010300, 0x02020200, 0x02020300}
    assert asked == set(REPLIES) | (more if phases == "abc" else set())


def test_the_1997_edition_and_modbus_have_their_own_items():
    old = registry.get("dlt645-1997")
    asked = [dlt645.parse(frame).data[:2].hex() for frame in old.read_measured("1")]
    assert asked == ["11b6", "21b6", "30b6", "50b6", "1090", "2090"]
    modbus = registry.get("modbus", model="eastron_sdm120")
    assert len(modbus.read_measured("1")) == len(modbus.blocks)


def test_a_water_meter_measures_nothing_of_the_kind():
    with pytest.raises(Unsupported):
        registry.get("cjt188").read_measured("1")
