"""Frames a second that one library decodes: `_decode_script.py WHICH FOLDER`."""

import sys
import time

which, folder = sys.argv[1:]
sys.path.insert(0, folder)
FRAMES, RUNS = 20_000, 3
#: Items and the bytes of their values: energy, voltage, current, power.
ITEMS = ((0x00010000, 4), (0x02010100, 2), (0x02020100, 3), (0x02030000, 3))


def frames():
    """Replies of as many meters, no two alike."""
    made = []
    for number in range(FRAMES):
        item, size = ITEMS[number % len(ITEMS)]
        value = bytes.fromhex(f"{number * 7 % 10 ** (2 * size - 1):0{2 * size}d}")
        address = bytes.fromhex(f"{100000000000 + number}")
        data = item.to_bytes(4, "little") + value[::-1]
        body = b"\x68" + address[::-1] + b"\x68\x91" + bytes([len(data)])
        body += bytes((byte + 0x33) % 256 for byte in data)
        made.append(body + bytes([sum(body) % 256, 0x16]))
    return made


def ours():
    from headend.protocols import registry

    decode = registry.get("dlt645-2007").decode

    def work(frame):
        decoded = decode(frame)
        return decoded.address, decoded.values[0].value

    return work


def dlt645():
    from dlt645.protocol.protocol import DLT645Protocol
    from dlt645.service.clientsvc.client_service import MeterClientService
    from loguru import logger

    logger.remove()
    client = MeterClientService(None)
    client.address = bytes.fromhex("aaaaaaaaaaaa")

    def work(frame):
        found = DLT645Protocol.deserialize(frame)
        client.address = found.addr
        return found.addr[::-1].hex(), client.handle_response(found).value

    return work


def python_dlt645():
    import dlt645

    def work(frame):
        found = dlt645.Frame()
        found.load(bytearray(frame))
        return found.addr, int(found.data[:-8])

    return work


def main():
    made = frames()
    work = {"ours": ours, "dlt645": dlt645, "python-dlt645": python_dlt645}[which]()
    address, value = work(made[4])
    assert address == "100000000004", address
    assert str(value).replace(".", "").strip("0") == "28", value
    best = 0.0
    for _run in range(RUNS):
        begun = time.process_time()
        for frame in made:
            work(frame)
        best = max(best, FRAMES / (time.process_time() - begun))
    print(best)


main()
