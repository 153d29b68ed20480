"""The spec of a gate: what the gate declares about itself, once, in its macro.

`macros/spec/spec.sql` says what a spec holds. The property YAML of each gate carries the spec as ``meta``, so a manifest of dbt
holds the specs of all its gates, also of gates that this package does not know by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

META = "gate_spec"  # the key in the meta of a gate's test macro
REASONS = "gate_reasons"  # the key in the meta of the macro with the reasons that gates share

Values = Mapping[str, Any]


def by_argument(fact: Any, values: Values) -> Any:
    """Return the value of a fact that may depend on an argument.

    Examples
    --------
    >>> by_argument({"method": {"psi": 0.1, "js": 0.018}}, {"method": "js"}), by_argument(4, {})
    (0.018, 4)
    """
    if not isinstance(fact, Mapping):
        return fact
    ((name, choices),) = fact.items()
    return choices.get(values.get(name))


@dataclass(frozen=True)
class Argument:
    """An argument of a gate.

    Attributes
    ----------
    kind : str
        A kind of `macros/spec/rules.sql`.
    required : bool
        Whether the test must give it.
    default : object
        May depend on another argument (`by_argument`).
    moves_judged_day : bool
        Whether it is the number of days from the judged day to the run date.
    """

    name: str
    kind: str
    required: bool
    default: Any = None
    moves_judged_day: bool = False


@dataclass(frozen=True)
class Statistic:
    """The number that a gate computes from a value and its reference.

    Attributes
    ----------
    name, unit : str or mapping
        May depend on an argument (`by_argument`).
    null_means : str
        What NULL means in a row that passed.
    """

    name: Any
    unit: Any = ""
    null_means: str = ""


@dataclass(frozen=True)
class FittedBound:
    """A bound that `suggest` can fit.

    Attributes
    ----------
    levels : tuple of str
        The arguments that hold the bound: one to warn and one to fail, or a single one. Empty where the bound is a number in a
        mapping.
    scale : str or mapping
        The scale on which effects are additive: log, log1p, linear, sqrt or asinh.
    sign : int
        -1 for a lower bound.
    bound_alarms : bool
        Whether a value that equals the bound alarms.
    least : float, mapping, "default" or None
        The lowest bound that makes sense: a lower one alarms about changes that do not matter. "default" stands for the default of
        the spec, or the bound of the gate if that is lower.
    column : str
        The column of the evidence that is held to the bound.
    on_reason : str or None
        The only reason with which a row has a number for this bound; with another reason the number is 0.
    only_if : str or None
        The flag without which the gate does not use the bound.
    is_rule : bool
        Whether a person sets the bound as a rule; a rule that keeps to the budget is not changed.
    """

    levels: tuple[str, ...] = ()
    scale: Any = "linear"
    sign: int = 1
    bound_alarms: bool = False
    least: Any = None
    column: str = "statistic"
    on_reason: str | None = None
    only_if: str | None = None
    is_rule: bool = False


@dataclass(frozen=True)
class Fitted:
    """The bounds of a gate that `suggest` can fit.

    Attributes
    ----------
    by : str or None
        The argument that holds the bounds of each metric or segment; None where one bound holds for all.
    has_noise_bound : bool
        Whether the bound in the evidence is the larger of the gate's bound and the noise of the series.
    """

    bounds: tuple[FittedBound, ...]
    by: str | None = None
    has_noise_bound: bool = False


@dataclass(frozen=True)
class Spec:
    """What a gate declares about itself.

    Attributes
    ----------
    arguments : mapping
        The arguments by name, in the order of the signature.
    lower, upper : str
        The word before a bound: "at least", "at most", or "below" where the bound itself does not pass.
    formula : str or mapping
        Columns of the evidence and arguments in braces; may depend on an argument.
    sentence : str
        What a row says whose bound decided, with the words of `gates.ledger.words` in braces.
    reasons : mapping
        The sentence of each other reason.
    """

    gate: str
    passes_when: str = ""
    arguments: Mapping[str, Argument] = field(default_factory=dict)
    statistic: Statistic | None = None
    value_unit: Any = ""
    lower: str = "at least"
    upper: str = "at most"
    formula: Any = "{metric} = {current_value}"
    sentence: str = "{plain}"
    reasons: Mapping[str, str] = field(default_factory=dict)
    fitted: Fitted | None = None

    @classmethod
    def of(cls, declared: Mapping[str, Any]) -> Spec:
        """Read a spec from the mapping that its macro returns."""
        statistic, fitted = declared["statistic"], declared["fitted"]
        return cls(
            gate=declared["gate"],
            passes_when=declared["passes_when"],
            arguments={name: _argument(name, one) for name, one in declared["arguments"].items()},
            statistic=None if statistic is None else Statistic(**statistic),
            value_unit=declared["value_unit"],
            lower=declared["lower"],
            upper=declared["upper"],
            formula=declared["formula"],
            sentence=declared["sentence"],
            reasons=_sentences(declared["reasons"]),
            fitted=None if fitted is None else _fitted(fitted),
        )

    def values(self, given: Values) -> dict[str, Any]:
        """Return all arguments by name: what a test gives, else the defaults.

        Parameters
        ----------
        given : mapping
            The arguments of a test. Names that the gate does not have are left out.
        """
        values: dict[str, Any] = {}
        for name, argument in self.arguments.items():
            value = given.get(name)
            depends = isinstance(argument.default, Mapping)
            use_default = name not in given or (value is None and depends)
            values[name] = by_argument(argument.default, values) if use_default else value
        return values

    def judged_days_back(self, given: Values) -> int:
        """Return how many days the judged day lies before the run date."""
        values = self.values(given)
        return sum(int(values[name] or 0) for name, one in self.arguments.items() if one.moves_judged_day)


def specs_of(macros: Mapping[str, Any]) -> dict[str, Spec]:
    """Return the specs of the gates in a manifest of dbt, by the name of the gate.

    Parameters
    ----------
    macros : mapping
        The ``macros`` of a manifest, of `manifest.json` or of dbt's own class.
    """
    shared = spec_of_other_tests(macros).reasons
    specs = map(Spec.of, _declared(macros, META))
    return {spec.gate: replace(spec, reasons={**shared, **spec.reasons}) for spec in specs}


def spec_of_other_tests(macros: Mapping[str, Any]) -> Spec:
    """Return the spec of tests that are no gates: the sentences of the reasons that gates share, from a manifest of dbt."""
    shared = next(_declared(macros, REASONS), {})
    return Spec("", reasons=_sentences(shared))


def _declared(macros: Mapping[str, Any], key: str) -> Iterator[Mapping[str, Any]]:
    for macro in macros.values():
        meta = macro.get("meta") if isinstance(macro, Mapping) else macro.meta
        if meta and key in meta:
            yield meta[key]


def _sentences(reasons: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    return {reason: words["sentence"] for reason, words in reasons.items() if "sentence" in words}


def _argument(name: str, declared: Mapping[str, Any]) -> Argument:
    return Argument(
        name,
        declared["kind"],
        "default" not in declared,
        declared.get("default"),
        declared.get("moves_judged_day", False),
    )


def _fitted(declared: Mapping[str, Any]) -> Fitted:
    bounds = tuple(
        FittedBound(**{**bound, "levels": tuple(bound.get("levels", ()))}) for bound in declared["bounds"]
    )
    return Fitted(**{**declared, "bounds": bounds})
