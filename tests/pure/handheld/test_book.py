"""The file that is carried: nothing damaged is taken, nothing whole is refused."""

import zlib
from datetime import datetime
from decimal import Decimal

import pytest
from handheld.book import BookError, Result, dump, parse
from hypothesis import given
from hypothesis import strategies as st

MOMENT = datetime(2026, 3, 1, 9, 30)


def result(index, **vals):
    row = {"key": "1001", "address": "130110000001", "read_at": MOMENT, **vals}
    return Result(index=None if index is None else Decimal(index), **row)


def test_a_book_comes_back_as_it_was(book):
    walked = book.with_results([result("0"), result(None, flag="no_access")])
    parsed = parse(dump(walked))
    assert parsed.book == walked
    assert not parsed.faults


@given(st.decimals(0, 10**11, places=3))
def test_an_index_is_carried_exactly(index):
    from handheld.book import Book, Header

    book = Book(Header("B", "1", "0372", "1", MOMENT), (), (result(index),))
    assert parse(dump(book)).book.results[0].index == index


@given(st.text(max_size=30))
def test_no_name_breaks_the_file(name):
    from handheld.book import Book, Header

    book = Book(Header("B", "1", "0372", "1", MOMENT), (), (result("1", note=name),))
    parsed = parse(dump(book))
    assert not parsed.faults
    assert parsed.book.results[0].note == " ".join(name.split())


@given(st.data())
def test_an_altered_file_is_refused(data):
    whole = dump_small()
    at = data.draw(st.integers(0, len(whole) - 12))
    bit = data.draw(st.integers(0, 7))
    spoilt = bytearray(whole)
    spoilt[at] ^= 1 << bit
    with pytest.raises(BookError):
        parse(bytes(spoilt))


@given(st.integers(0, 10**6))
def test_a_cut_file_is_refused(size):
    whole = dump_small()
    with pytest.raises(BookError):
        parse(whole[: size % (len(whole) - 2)])


def dump_small():
    from handheld.book import Book, Header

    return dump(Book(Header("B", "1", "0372", "1", MOMENT), (), (result("1"),)))


def seal(text):
    data = text.encode()
    count = len(text.splitlines())
    return data + f"END\t{count}\t{zlib.crc32(data):08X}\n".encode()


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("R\t1\t2\tNaN\t2026-03-01T09:30:00Z\t\t", "NaN is no index"),
        ("R\t1\t2\tInfinity\t2026-03-01T09:30:00Z\t\t", "Infinity is no index"),
        ("R\t1\t2\t-1\t2026-03-01T09:30:00Z\t\t", "-1 is no index"),
        ("R\t1\t2\tabc\t2026-03-01T09:30:00Z\t\t", "not a number"),
        ("R\t1\t2\t1.2345\t2026-03-01T09:30:00Z\t\t", "three decimals"),
        ("R\t1\t2\t1\tyesterday\t\t", "yesterday"),
        ("R\t1\t2\t\t2026-03-01T09:30:00Z\t\t", "neither"),
        ("R\t1\t2", "values to unpack"),
        ("X\t1", "unknown kind"),
    ],
)
def test_one_bad_record_does_not_cost_the_others(row, why):
    head = "AMRBOOK\t1\tB\t1\t0372\t1\t2026-03-01T08:00:00Z\t\n"
    good = "R\t1001\t2\t5.5\t2026-03-01T09:30:00Z\t\t\n"
    parsed = parse(seal(head + row + "\n" + good))
    assert [one.index for one in parsed.book.results] == [Decimal("5.5")]
    [(line, text, reason)] = parsed.faults
    assert (line, text) == (2, row)
    assert why in reason


def test_what_is_no_book_is_refused_with_a_sentence():
    for data, why in (
        (b"", "cut short"),
        (b"PK\x03\x04", "cut short"),
        (seal("hello\n"), "no route book"),
        (seal("AMRBOOK\t2\tB\t1\t0372\t1\t2026-03-01T08:00:00Z\t\n"), "version 1"),
        (seal("AMRBOOK\t1\tB\t1\t0372\t1\tnever\t\n"), "damaged"),
        (b"END\tx\ty\n", "damaged"),
    ):
        with pytest.raises(BookError, match=why):
            parse(data)
