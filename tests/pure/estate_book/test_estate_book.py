"""The archive's workbook: what Excel does to it, and there and back again."""

import io
import zipfile
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from amr_estate_book import (
    BY_KEY,
    BookError,
    read_book,
    write_book,
    write_marked,
    write_template,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

ALL = 1000


def workbook(title, *lines, formats=()):
    """Return a workbook as Excel would save it.

    :param formats: (cell, number format) pairs
    """
    book = Workbook()
    page = book.active
    page.title = title
    for line in lines:
        page.append(line)
    for cell, number_format in formats:
        page[cell].number_format = number_format
    return saved(book)


def saved(book):
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def rooms(*lines, formats=()):
    return workbook(
        "房间", ["小区*", "楼宇*", "房间号*", "建筑面积"], *lines, formats=formats
    )


def values(data, sheet="rooms"):
    rows, problems = read_book(data, ALL)
    assert not problems, problems
    return [row.values for row in rows[sheet]]


def reasons(data):
    return [
        (problem.row, problem.column, problem.reason)
        for problem in read_book(data, ALL)[1]
    ]


def test_blanks_around_and_full_width_digits_are_undone():
    data = rooms([" 金三角小区\u3000", "1号楼 ", "０１０１", "８９．５"])
    assert values(data) == [
        {
            "community": "金三角小区",
            "building": "1号楼",
            "room": "0101",
            "area": Decimal("89.50"),
        }
    ]


def test_names_keep_their_full_width_signs():
    assert (
        values(rooms(["花园（一期）", "1号楼", "0101"]))[0]["community"]
        == "花园（一期）"
    )


def test_a_number_that_is_a_name_comes_as_text():
    assert values(rooms(["A", "B", 1102.0]))[0]["room"] == "1102"


def test_zeros_that_a_number_format_shows_are_kept():
    data = rooms(["A", "B", 101], formats=[("C2", "0000")])
    assert values(data)[0]["room"] == "0101"


def test_a_code_of_known_width_gets_its_zeros_back():
    data = workbook(
        "小区", ["行政区编号", "小区编号", "小区名称"], [1, 371, "金三角小区"]
    )
    assert values(data, "communities")[0]["code"] == "0371"
    typed = workbook(
        "小区", ["行政区编号", "小区编号", "小区名称"], ["1", "371", "金三角小区"]
    )
    assert reasons(typed) == [(2, "小区编号", "wrong_length")]


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (datetime(2026, 3, 1), "became_date"),
        (1234567890123456789, "digits_lost"),
        (True, "not_text"),
        ("=A2", "formula"),
        ("#N/A", "excel_error"),
    ],
)
def test_what_is_no_name_is_refused(cell, reason):
    assert reasons(rooms(["A", "B", cell])) == [(2, "房间号", reason)]


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("abc", "not_number"),
        ("1,2", "not_number"),
        ("1e3", "not_number"),
        ("NaN", "not_number"),
        (-1, "negative"),
        (1.005, "too_many_places"),
        (1e13, "too_large"),
        (date(2026, 1, 1), "not_number"),
        (False, "not_number"),
    ],
)
def test_what_is_no_number_is_refused(cell, reason):
    assert reasons(rooms(["A", "B", "C", cell])) == [(2, "建筑面积", reason)]


def test_noise_of_binary_fractions_is_no_further_place():
    assert values(rooms(["A", "B", "C", 0.1 + 0.2]))[0]["area"] == Decimal("0.30")
    assert values(rooms(["A", "B", "C", "1,234.50"]))[0]["area"] == Decimal("1234.50")


def readings(*cells):
    titles = ["表号", "抄表时间", "示数", "类别"]
    return workbook("读数", titles, *(["1", *line] for line in cells))


@pytest.mark.parametrize(
    "cell",
    [
        datetime(2016, 6, 5, 8, 30),
        datetime(2016, 6, 5, 8, 29, 59, 999_600),
        "2016-06-05 08:30:00",
        "2016/6/5 8:30",
        "2016年6月5日 08:30",
        "２０１６－０６－０５ 08：30",
    ],
)
def test_dates_of_every_kind(cell):
    found = values(readings([cell, 5]), "readings")[0]["read_at"]
    assert found == datetime(2016, 6, 5, 8, 30)


def test_a_day_begins_at_midnight():
    for cell in (date(2016, 6, 5), "20160605", "2016.6.5"):
        found = values(readings([cell, 5]), "readings")[0]["read_at"]
        assert found == datetime(2016, 6, 5)


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("2016-02-30", "not_date"),
        ("5.6.2016", "not_date"),
        (42526, "not_date"),
        (datetime(1900, 1, 1), "date_out_of_range"),
    ],
)
def test_what_is_no_date_is_refused(cell, reason):
    assert reasons(readings([cell, 5])) == [(2, "抄表时间", reason)]


def test_a_choice_is_one_of_the_list():
    assert (
        values(readings(["2016-06-05", 5, "日冻结"]), "readings")[0]["kind"] == "daily"
    )
    rows, problems = read_book(readings(["2016-06-05", 5, "每天"]), ALL)
    assert problems[0].values["choices"] == "实时、日冻结、月冻结、起码"


def test_every_fault_of_a_row_is_named_and_good_rows_stay():
    data = rooms(["A", "B", "0101", 80], ["A", None, "0102", "x"], [None] * 4)
    rows, problems = read_book(data, ALL)
    assert [row.number for row in rows["rooms"]] == [2]
    assert {(p.sheet, p.row, p.column, p.reason) for p in problems} == {
        ("房间", 3, "建筑面积", "not_number"),
        ("房间", 3, "楼宇", "blank"),
    }


def test_rows_of_merged_cells_are_refused():
    book = Workbook()
    page = book.active
    page.title = "房间"
    for line in (["小区", "楼宇", "房间号"], ["A", "B", "1"], ["A", "B", "2"]):
        page.append(line)
    page.merge_cells("A2:A3")
    page.append(["A", "B", "3"])
    rows, problems = read_book(saved(book), ALL)
    assert [(p.row, p.reason) for p in problems] == [(2, "merged"), (3, "merged")]
    assert [row.number for row in rows["rooms"]] == [4]


def test_columns_may_stand_in_any_order_but_not_be_unknown_or_missing():
    data = workbook("房间", ["房间号", "楼宇", "小区", "面积"], ["1", "B", "A", 3])
    rows, problems = read_book(data, ALL)
    assert rows["rooms"][0].values == {"community": "A", "building": "B", "room": "1"}
    assert [(p.column, p.reason) for p in problems] == [("面积", "unknown_column")]
    data = workbook("房间", ["房间号", "楼宇"], ["1", "B"])
    assert reasons(data) == [(1, "小区", "missing_column")]


def test_an_unknown_sheet_is_named():
    book = load_workbook(io.BytesIO(rooms(["A", "B", "C"])))
    book.create_sheet("Sheet2").append(["x"])
    assert reasons(saved(book)) == [(1, "", "unknown_sheet")]
    with pytest.raises(BookError, match="no_sheet"):
        read_book(workbook("Sheet1", ["x"]), ALL)


def test_the_seed_layout_goes_by_the_order_of_its_columns():
    titles = [column.title for column in BY_KEY["seed"].columns]
    line = ["160605001", "张三", "金三角小区1号楼0101"]
    rows, problems = read_book(workbook("用户资料", titles[:3], line), ALL)
    assert not problems
    assert rows["seed"][0].values["place"] == "金三角小区1号楼0101"
    swapped = [titles[1], titles[0], *titles[2:]]
    assert reasons(workbook("用户资料", swapped, line)) == [(1, "", "wrong_order")]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not_excel"),
        ("户号,户名".encode(), "not_excel"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), "old_excel"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
            + "EncryptedPackage".encode("utf-16-le"),
            "password",
        ),
        (b"0" * (20 * 2**20 + 1), "too_big"),
    ],
)
def test_files_that_are_no_workbook_say_so(data, reason):
    with pytest.raises(BookError, match=reason):
        read_book(data, ALL)


def packed(**parts):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name.replace("__", "/"), content)
    return buffer.getvalue()


def test_zip_files_that_are_no_workbook_say_so():
    with pytest.raises(BookError, match="not_excel"):
        read_book(packed(word="x"), ALL)
    with pytest.raises(BookError, match="damaged"):
        read_book(packed(**{"xl/workbook.xml": "<x"}), ALL)
    good = rooms(["A", "B", "C"])
    with pytest.raises(BookError):
        read_book(good[: len(good) // 2], ALL)


def test_a_sheet_damaged_inside_is_told_as_such():
    source = zipfile.ZipFile(io.BytesIO(rooms(["A", "B", "C"])))
    parts = {name: source.read(name) for name in source.namelist()}
    parts["xl/worksheets/sheet1.xml"] = b"<worksheet><sheetData><row><c></row>"
    with pytest.raises(BookError, match="damaged"):
        read_book(packed(**parts), ALL)


def test_too_many_rows_are_refused():
    data = rooms(*(["A", "B", str(number)] for number in range(11)))
    with pytest.raises(BookError, match="too_many_rows"):
        read_book(data, 10)


def test_the_template_has_comments_lists_and_no_rows():
    data = write_template(("rooms", "meters"), {"model": ["DDS-1"], "tariff": ["居民"]})
    rows, problems = read_book(data, ALL)
    assert rows == {"rooms": [], "meters": []} and not problems
    page = load_workbook(io.BytesIO(data))["表计"]
    assert page["A1"].value == "表号*" and "必填" in page["A1"].comment.text
    rules = {rule.formula1 for rule in page.data_validations.dataValidation}
    assert {'"后付费,预付费"', "选项!$A$2:$A$2"} <= rules


def test_bad_rows_come_back_with_their_reason_and_can_be_sent_again():
    data = rooms(["A", "B", "0101", "x"], ["A", "B", "0102", 5])
    marked = write_marked(data, {("房间", 2): "不是数字"})
    lines = list(load_workbook(io.BytesIO(marked))["房间"].values)
    assert lines == [
        ("小区*", "楼宇*", "房间号*", "建筑面积", "原因"),
        ("A", "B", "0101", "x", "不是数字"),
    ]
    assert reasons(marked) == [(2, "建筑面积", "not_number")]


def test_text_never_becomes_a_formula_or_a_link():
    rows = [{"note": "=1+1"}, {"note": "http://x"}]
    page = load_workbook(io.BytesIO(write_book({"rooms": rows})))["房间"]
    cells = [row[-1] for row in page.iter_rows(2)]
    assert [cell.data_type for cell in cells] == ["s", "s"]
    assert not any(cell.hyperlink for cell in cells)


names = st.text("金三角小区（一期）AZ09-=+' .", min_size=1, max_size=12).map(str.strip)
moments = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)).map(
    lambda moment: moment.replace(microsecond=0)
)


def decimals(places):
    return st.integers(0, 10**14).map(lambda n: Decimal(n).scaleb(-places))


meters = st.fixed_dictionaries(
    {"number": names.filter(bool), "model": names.filter(bool)},
    optional={
        "address": st.text("0123456789", min_size=1, max_size=14),
        "kind": st.sampled_from(["normal", "public", "master"]),
        "start_index": decimals(3),
        "ratio_percent": decimals(4),
        "date_from": moments,
        "ordinal": st.integers(1, 9),
    },
)


def unspaced(row):
    return {k: " ".join(v.split()) if isinstance(v, str) else v for k, v in row.items()}


@settings(max_examples=60, deadline=timedelta(seconds=5))
@given(st.lists(meters, max_size=5))
def test_what_is_written_is_read_again(rows):
    """Exactly: indexes to the last place, times to the second, names to the letter."""
    rows = [unspaced(row) for row in rows]
    assert values(write_book({"meters": rows}), "meters") == rows


def two_sheets(first, second, *lines):
    book = Workbook()
    for title in (first, second):
        page = book.create_sheet(title)
        for line in (["小区", "楼宇", "房间号"], *lines):
            page.append(line)
    del book["Sheet"]
    return book


def test_no_sheet_takes_the_place_of_another():
    data = saved(two_sheets("房间", "房间 ", ["A", "B", "1"]))
    rows, problems = read_book(data, ALL)
    assert len(rows["rooms"]) == 1
    assert [(p.sheet, p.reason) for p in problems] == [("房间 ", "double_sheet")]


def test_what_is_hidden_is_taken_and_told():
    book = two_sheets("房间", "x", ["A", "B", "1"], ["A", "B", "2"], ["A", "B", "3"])
    book["房间"].row_dimensions[3].hidden = True
    rows, problems = read_book(saved(book), ALL)
    assert [row.number for row in rows["rooms"]] == [2, 3, 4]
    told = [(p.row, p.reason) for p in problems if p.notice]
    assert told == [(3, "hidden_row")]
    book["房间"].sheet_state = "hidden"
    book.active = 1
    problems = read_book(saved(book), ALL)[1]
    assert "hidden_sheet" in {p.reason for p in problems if p.notice}


def test_sixty_thousand_blank_rows_are_none():
    """As Excel leaves them behind when rows were formatted, or filled with blanks."""
    source = zipfile.ZipFile(io.BytesIO(rooms(["A", "B", "1"])))
    parts = {name: source.read(name) for name in source.namelist()}
    cell = '<c r="A{0}" t="inlineStr"><is><t> \u3000</t></is></c>'
    blank = "".join(
        f'<row r="{number}">{cell.format(number)}</row>'
        if number < 2_000
        else f'<row r="{number}"><c r="B{number}"/></row>'
        for number in range(3, 60_003)
    )
    last = '<row r="60003">' + "".join(
        f'<c r="{letter}60003" t="inlineStr"><is><t>A</t></is></c>' for letter in "ABC"
    )
    page = parts["xl/worksheets/sheet1.xml"].decode()
    page = page.replace("</sheetData>", f"{blank}{last}</row></sheetData>")
    parts["xl/worksheets/sheet1.xml"] = page.encode()
    rows, problems = read_book(packed(**parts), ALL)
    assert not problems
    assert [row.number for row in rows["rooms"]] == [2, 60_003]


def test_the_limit_that_is_told_is_the_files():
    lines = [["A", "B", str(number)] for number in range(6)]
    with pytest.raises(BookError) as caught:
        read_book(saved(two_sheets("房间", "楼宇", *lines)), 5)
    assert caught.value.values == {"limit": 5}
    book = two_sheets("房间", "用户资料", *lines)
    book["用户资料"]["A1"], book["用户资料"]["B1"] = "用户编号", "姓名"
    book["用户资料"]["C1"] = "用户地址"
    with pytest.raises(BookError) as caught:
        read_book(saved(book), 8)
    assert caught.value.values == {"limit": 8}


def test_bad_rows_of_a_sheet_with_blanks_in_its_name_come_back():
    data = saved(two_sheets(" 房间", "x", ["A", "B", None]))
    problems = read_book(data, ALL)[1]
    assert ("房间", 2, "房间号", "blank") in {p[:4] for p in problems}
    marked = load_workbook(io.BytesIO(write_marked(data, {("房间", 2): "why"})))
    assert list(marked["房间"].values)[1] == ("A", "B", None, "why")
