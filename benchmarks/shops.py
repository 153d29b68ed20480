"""Tables unlike the sample: generated interactions of shops that differ in size, week, growth, amounts and goods."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import numpy as np
import pandas as pd

FIRST_DAY, LAST_DAY = dt.date(2024, 1, 1), dt.date(2025, 6, 28)
HOLIDAYS = {(1, 1), (12, 25)}  # all shops are closed
EVERY_DAY = (1.0, 1.0, 1.0, 1.0, 1.1, 1.3, 1.2)


@dataclass(frozen=True)
class Shop:
    """The distribution of the interactions of a shop.

    Attributes
    ----------
    what : str
        The shop in words.
    rows : float
        Interactions of a usual day at the start.
    week : tuple of float
        Factor for each day of the week, Monday first; the shop is closed if it is 0.
    noise : float
        Standard deviation of the log of a day's volume.
    growth : float
        Growth of the log of the volume per week.
    season : float
        Amplitude of the volume over a year, as a share.
    month_end : float
        Factor from the 26th of a month on.
    categories : int
        Kinds of goods at the end.
    launch_days : int
        Days between the launches of the second half of the kinds; 0 if all are sold from the start.
    basket : int
        Approximate number of interactions in a visit.
    log_amount : tuple of float
        Mean and standard deviation of the log of an amount.
    returned : float
        Share of negative amounts.
    free : float
        Share of amounts that are 0.
    """

    name: str
    what: str
    rows: float
    week: tuple[float, ...] = EVERY_DAY
    noise: float = 0.07
    growth: float = 0.0
    season: float = 0.0
    month_end: float = 1.0
    categories: int = 8
    launch_days: int = 0
    customers: int = 3000
    basket: int = 4
    stores: int = 12
    log_amount: tuple[float, float] = (1.6, 0.8)
    returned: float = 0.0
    free: float = 0.0


SHOPS = (
    Shop(
        "grocer",
        "every day, 1,500 rows, a season of ± 25 % and a December with 40 % more",
        rows=1500,
        season=0.25,
    ),
    Shop(
        "corner shop",
        "70 rows a day, closed on Sundays, 1 % of the amounts are 0",
        rows=70,
        week=(0.9, 0.9, 1.0, 1.0, 1.2, 1.4, 0.0),
        noise=0.1,
        categories=5,
        customers=300,
        basket=2,
        stores=1,
        log_amount=(2.5, 0.6),
        free=0.01,
    ),
    Shop(
        "wholesaler",
        "Monday to Friday, 900 rows and 50 % more at the end of a month, 40 kinds of goods, amounts over five orders of magnitude, 3 % of"
        " them negative (returned goods)",
        rows=900,
        week=(1.1, 1.0, 1.0, 1.0, 0.8, 0.0, 0.0),
        noise=0.08,
        month_end=1.5,
        categories=40,
        customers=800,
        basket=6,
        stores=5,
        log_amount=(4.0, 1.8),
        returned=0.03,
    ),
    Shop(
        "web shop",
        "300 rows a day at any hour, 3 % more each week, a new kind of goods every 60 days",
        rows=300,
        growth=0.03,
        categories=16,
        launch_days=60,
        customers=2000,
        basket=3,
        log_amount=(2.0, 0.9),
    ),
)


def generate(shop: Shop) -> pd.DataFrame:
    """Return the interactions of a shop, equal in every call, with the columns that the source declares."""
    random, ids = np.random.default_rng(sum(map(ord, shop.name))), count()
    loyalty = random.gamma(0.6, size=shop.customers)
    shares = 1 / np.arange(1, shop.categories + 1) ** 1.1
    hours = np.exp(-(((np.arange(24) - 14) / 5) ** 2)) if 0 in shop.week or shop.season else np.ones(24)
    days = []
    for number, day in _open_days(shop):
        rows = random.poisson(_volume(shop, number, day) * np.exp(random.normal(0, shop.noise)))
        here = random.choice(shop.customers, max(1, rows // shop.basket), p=loyalty / loyalty.sum())
        launched = shop.categories // 2 + number // shop.launch_days if shop.launch_days else shop.categories
        sold = np.where(np.arange(shop.categories) < launched, shares, 0)
        amount = np.round(np.exp(random.normal(*shop.log_amount, rows)), 2)
        kind = random.random(rows)
        seconds = 3600 * random.choice(24, rows, p=hours / hours.sum()) + random.integers(0, 3600, rows)
        days.append(
            pd.DataFrame(
                {
                    "interaction_id": [f"{shop.name} {next(ids)}" for _ in range(rows)],
                    "customer_id": 1 + random.choice(here, rows),
                    "interaction_at": pd.Timestamp(day) + pd.to_timedelta(seconds, unit="s"),
                    "interaction_date": day,
                    "store_id": random.integers(1, shop.stores + 1, rows),
                    "department": [
                        f"KIND {kind}" for kind in random.choice(shop.categories, rows, p=sold / sold.sum())
                    ],
                    "quantity": random.integers(1, 5, rows),
                    "amount": amount
                    * np.where(kind < shop.returned, -1, np.where(kind > 1 - shop.free, 0, 1)),
                }
            )
        )
    return pd.concat(days, ignore_index=True)


def _open_days(shop: Shop) -> Iterator[tuple[int, dt.date]]:
    for number in range((LAST_DAY - FIRST_DAY).days + 1):
        day = FIRST_DAY + dt.timedelta(number)
        if shop.week[day.weekday()] and (day.month, day.day) not in HOLIDAYS:
            yield number, day


def _volume(shop: Shop, number: int, day: dt.date) -> float:
    """Return the expected number of rows of a day."""
    season = 1 + shop.season * np.sin(2 * np.pi * (day.timetuple().tm_yday - 60) / 365)
    december = 1.4 if shop.season and day.month == 12 and day.day > 10 else 1.0
    month_end = shop.month_end if day.day >= 26 else 1.0
    growth = np.exp(shop.growth * number / 7)
    return float(shop.rows * shop.week[day.weekday()] * season * december * month_end * growth)
