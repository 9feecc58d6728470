from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple

from ..rating import RatingError, quantity, rate
from .agreement_book import AgreementBook, NoMeter


class Gap(NamedTuple):
    """Unbilled time of an agreement, and (meter, start, end) of what measured then."""

    start: object
    end: object
    agreement: object
    parts: list


class AgreementRating(AgreementBook):
    """Prices the unbilled time of agreements.

    A customer stays where he stood in the steps when his agreement at a metering point
    ends and another begins (another price, another way of paying, a room that came
    back): what is about to be billed counts as well as what was billed. So what is
    split over several agreements costs what it would cost in one.
    """

    def __init__(self, agreements, date_to):
        super().__init__(agreements, date_to)
        self.supplies = agreements.grouped(self._supply)
        self._rated = {}

    @staticmethod
    def _supply(agreement):
        """Agreements of one customer at one metering point are one supply to him."""
        return agreement.point_id.id, agreement.account_id.id

    def rate(self, agreement):
        """Price all unbilled time of one agreement.

        :return: list of rating pieces, empty when everything is billed, or when an
            agreement before it cannot be priced (the account is not billed then)
        :raise RatingError: when something is missing or implausible
        :raise NoMeter: when nothing measured in the time to be billed
        """
        if agreement.id not in self._rated:
            self._rate_supply(self.supplies[self._supply(agreement)])
        outcome = self._rated[agreement.id]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def _rate_supply(self, agreements):
        self._rated |= {agreement.id: [] for agreement in agreements}
        for bill in self._bills(agreements):
            charging = [gap for gap in bill if gap.parts][-1:]
            energy = Decimal(0)
            for gap in bill:
                try:
                    pieces = self._rate_gap(bill, gap, energy, gap in charging)
                except (RatingError, NoMeter) as error:
                    self._rated[gap.agreement.id] = error
                    return  # nobody knows where the rest stands in the steps
                energy += sum(one.amount for one in pieces if one.kind == "energy")
                self._rated[gap.agreement.id] += pieces
                self.used[self._supply(gap.agreement)] += [
                    (piece.start, piece.end, piece.consumption) for piece in pieces
                ]

    def _bills(self, agreements):
        """Put together, in the order of time, what one bill prices together.

        That is time without a break, or in the same month: steps of a month are counted
        once over it, and what comes once a bill comes once.
        """
        gaps = [
            Gap(start, end, agreement, parts)
            for agreement in agreements
            for (start, end), parts in self.gaps[agreement.id]
        ]
        bills = []
        for gap in sorted(gaps, key=lambda gap: gap.start):
            if bills and self._goes_on(bills[-1][-1], gap):
                bills[-1].append(gap)
            else:
                bills.append([gap])
        return bills

    def _goes_on(self, before, gap):
        return before.end == gap.start or self._months(before, gap) == 1

    @staticmethod
    def _stretch(bill, gap):
        """First and last of the gaps around one that its tariff prices in a row.

        The steps of a month stand for its months alone: a month that another tariff
        prices brings no step of this one.
        """
        stretch = []
        for one in bill:
            if stretch and stretch[-1].agreement.tariff_id != one.agreement.tariff_id:
                if gap in stretch:
                    break
                stretch = []
            stretch.append(one)
        return stretch[0], stretch[-1]

    def _rate_gap(self, bill, gap, energy, last):
        agreement, prices = gap.agreement, self.prices(gap.agreement)
        if not gap.parts and not self.billed[agreement.id]:
            raise NoMeter()
        years = self._year_starts(agreement, bill[0].start, gap.end)
        first, final = self._stretch(bill, gap)
        month = self._day(agreement, first.start, day=1)
        begins = gap.parts[0][1] if gap.parts else gap.start
        year = self._day(agreement, begins, month=1, day=1)
        return rate(
            [self._span(prices, years, *part) for part in gap.parts],
            prices,
            used=self._used(agreement, first.start, gap.end),
            earlier=self._used(agreement, month, first.start),
            used_year=self._used(agreement, year, begins),
            scale=Decimal(self._months(first, final)),
            year_starts=years,
            persons=agreement.account_id.household_size,
            rounding=Decimal(str(agreement.company_id.currency_id.rounding)),
            energy_before=energy,
            last=last,
        )

    @staticmethod
    def _day(agreement, moment, **parts):
        """The midnight that begins the month or year of a moment."""
        community = agreement.community_id
        return community._local_midnight(community._local_date(moment).replace(**parts))

    @staticmethod
    def _months(first, last):
        """How many calendar months lie between the beginning and end of gaps."""
        community = first.agreement.community_id
        begin = community._local_date(first.start)
        end = community._local_date(last.end - timedelta(microseconds=1))
        return (end.year - begin.year) * 12 + end.month - begin.month + 1

    def _used(self, agreement, since, until):
        """Units priced of what the customer used here in a time.

        A charge that reaches beyond it counts with its share of the time.
        """
        return sum(
            (
                quantity(units * _overlap(begin, end, since, until))
                for begin, end, units in self.used[self._supply(agreement)]
            ),
            Decimal(0),
        )


def _overlap(begin, end, since, until):
    """The part of a time, from 0 to 1, that lies inside another."""
    inside = (min(end, until) - max(begin, since)) / timedelta(microseconds=1)
    whole = (end - begin) / timedelta(microseconds=1)
    return Decimal(max(inside, 0)) / Decimal(whole)
