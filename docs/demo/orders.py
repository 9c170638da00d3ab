"""Orders of a small shop: read from CSV, checked, summed up. Unfinished: `make demo` goes on."""

import csv
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Order:
    number: int
    customer: str
    amount: float
    paid: bool = False


def read_orders(path: Path) -> list[Order]:
    """Read every order of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return [parse_order(row) for row in csv.DictReader(file)]


def parse_order(row: dict[str, str]) -> Order:
    """Turn one CSV row into an order."""
    return Order(
        number=int(row["number"]),
        customer=row["customer"].strip(),
        amount=float(row["amount"]),
        paid=row["paid"] == "yes",
    )


def total_amount(orders: list[Order]) -> float:
    """Return the sum of all amounts."""
    return sum(order.amount for order in orders)


def largest_amount(orders: list[Order]) -> float:
    """Return the largest amount."""
    return max(order.amount
