"""The published slots of arXiv 2602.20796 (He, Bai, Yang 2026) and what is known of each text.

A slot whose text was not seen carries no expression: the results that driftlaw derived on the same subject stand under
their own names and are listed as related, never as the slot's content.
"""

from dataclasses import dataclass

from theory.errors import InputError

SEEN_IN_PART, RECONSTRUCTED, NOT_SEEN = "seen in part", "reconstructed", "not seen"


@dataclass(frozen=True)
class Slot:
    """A numbered statement of the paper.

    Parameters
    ----------
    name : str
        As numbered in the paper.
    knowledge : {"seen in part", "reconstructed", "not seen"}
        How much of its text is known. "reconstructed" is said of a form that we built around seen parts.
    seen : str
        What was seen, in our words; empty if nothing.
    related : tuple of str
        Names of driftlaw's own formulas on the subject.
    """

    name: str
    knowledge: str
    seen: str = ""
    related: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.knowledge not in (SEEN_IN_PART, RECONSTRUCTED, NOT_SEEN):
            raise InputError(f"slot {self.name}: knowledge is {self.knowledge!r}; choose {SEEN_IN_PART!r}, {RECONSTRUCTED!r} or {NOT_SEEN!r}")
        if (self.knowledge == NOT_SEEN) != (not self.seen):
            raise InputError(f"slot {self.name} is {self.knowledge!r} yet seen is {self.seen!r}; a slot has seen parts if and only if it was seen")


_TRAINING_PAIRS = ("frozen_deviation", "initialized_deviation")
SLOTS: dict[str, Slot] = {
    slot.name: slot
    for slot in (
        Slot("Remark 4.1", NOT_SEEN),
        Slot(
            "Lemma 4.2", RECONSTRUCTED,
            "Average deviation from the previous task's parameters under frozen training, with r = 1 - n_1/(p + p_1), r_A = 1 - n_2/p_2 and "
            "v_1 = 1 + p n_2/((p + p_1)(p_2 - n_2 - 1)) - p_1 n_2/((p + p_1) p_2). How these enter the whole expression was not seen.",
            ("v1_reconstruction", "v1_reconstruction_gap", "frozen_deviation"),
        ),
        Slot("Lemma 4.3", NOT_SEEN, related=_TRAINING_PAIRS),
        Slot(
            "Theorem 4.4", RECONSTRUCTED,
            "Around it: average forgetting under frozen training, as a function of p_2, reaches an extremum when xi > eta > 0, with diminishing "
            "returns beyond, and a plateau when |q_2 - q_1| is small. The definitions of xi and eta were not seen.",
            ("frozen_forgetting", "frozen_forgetting_in_p2", "p2_star", "forgetting_at_p2_star"),
        ),
        Slot(
            "Lemma 4.5", SEEN_IN_PART, "It describes average forgetting under initialized training; the expression was not seen.",
            ("initialized_forgetting", "from_zero_forgetting", "lin_forgetting"),
        ),
        Slot("Theorem 4.6", NOT_SEEN, related=("frozen_generalization", "initialized_generalization")),
        Slot("Proposition 4.7", NOT_SEEN, related=("initialized_best_scale", "frozen_best_scale")),
        Slot("Remark 4.8", NOT_SEEN),
        Slot("Corollary 4.9", NOT_SEEN),
    )
}  # fmt: skip
