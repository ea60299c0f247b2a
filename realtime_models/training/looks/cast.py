"""The named people of the default avatar, and three that are drawn rather than born."""

from __future__ import annotations

from latentcam.realtime_models.training.looks.people import Person
from latentcam.realtime_models.training.looks.sculpt import Features

_SMOOTH = {"frizz": 0.0002, "width": 0.0004, "count": 11000, "clump": 0.85, "messy": 0.04}

CAST: dict[str, Person] = {
    "Nora": Person(
        {"White_F_1": 1.0}, "White_F_1", hair="wavy", melanin=0.46, redness=0.32, iris="blue",
        clothes="White_F_3", cloth=(0.16, 0.22, 0.30), smile=0.1, seed=11,
    ),
    "Kofi": Person(
        {"Black_M_2": 1.3, "Black_M_1": -0.3}, "Black_M_3", saturation=0.80,
        tone=(1.14, 1.10, 1.00), hair="cornrows", melanin=1.0,
        iris="black",
        beard=0.006, clothes="Black_M_3", cloth=(0.30, 0.09, 0.06), lashes=0.7, shine=0.30,
        smile=0.2, seed=12,
    ),
    "Mei": Person(
        {"Asian_F_1": 0.4, "Asian_F_2": 0.3, "Asian_F_3": 0.3}, "Asian_F_2", distinct=0.0,
        hair="bob", melanin=1.0, iris="brown",
        lips=(1.0, 1.05, 1.05), clothes="Asian_F_3", cloth=(0.62, 0.60, 0.56), smile=0.15,
        brows=0.1, features=Features(eyes=0.10), seed=13,
    ),
    "Tom": Person(
        {"White_M_2": 0.75, "White_M_1": 0.25}, "White_M_2", hair="tousled", melanin=0.74,
        redness=0.2, iris="green", brows=0.35, smile=0.15, beard=0.0030, clothes="White_M_1",
        lashes=0.6, features=Features(chin=-0.08, nose=-0.06), seed=14,
    ),
    "Amara": Person(
        {"Black_F_1": 1.5, "Black_F_2": -0.3, "X_NHPI_F_1": -0.2},
        "Black_F_1", tone=(1.62, 1.52, 1.38), saturation=0.82, hair="afro",
        melanin=1.0,
        hair_changes={"top": 0.047, "sides": 0.043, "back": 0.05}, iris="black",
        clothes="Black_F_2", cloth=(0.55, 0.33, 0.08), shine=0.30, smile=0.3, lids=0.05,
        distinct=0.0, features=Features(cheeks=0.008, chin=0.14, nose=0.12, forehead=0.005),
        seed=15,
    ),
    "Walter": Person(
        {"White_M_3": 1.35, "White_M_1": -0.35}, "White_M_3", hair="parted", melanin=0.5, grey=0.9,
        age=1.0, iris="blue", clothes="White_M_3", lashes=0.5, smile=0.1, seed=16,
        hair_changes={"receding": 0.020, "temples": 0.018},
    ),
    "Layla": Person(
        {"MENA_F_2": 0.5, "MENA_F_1": 0.5}, "MENA_F_2", hair="", scarf=(0.16, 0.30, 0.33),
        iris="amber", clothes="MENA_F_2", cloth=(0.13, 0.25, 0.28), lips=(0.85, 0.95, 0.95),
        smile=0.15, brows=0.45, distinct=0.0, features=Features(chin=-0.10), seed=17,
    ),
    "Kenji": Person(
        {"Asian_M_1": 1.1, "Hispanic_M_1": -0.1}, "Asian_M_1", hair="parted", melanin=1.0,
        iris="brown", glasses="square", clothes="Asian_M_3", lashes=0.5, seed=18,
    ),
    "Zola": Person(
        {"Black_F_2": 1.2, "Black_F_1": -0.6, "AIAN_F_2": 0.4}, "Black_F_2", distinct=0.5,
        tone=(1.32, 1.24, 1.14), saturation=0.80, hair="braids", melanin=1.0,
        iris="black", clothes="Black_F_2", cloth=(0.42, 0.40, 0.38), shine=0.30,
        features=Features(chin=-0.14, jaw=-0.05, cheeks=-0.004, mouth=-0.10, nose=-0.08), seed=19,
        glasses="round", glasses_colour=(0.30, 0.20, 0.07), smile=0.55, brows=0.2,
    ),
    "Ravi": Person(
        {"X_AIAN_M_1": 1.1, "White_M_1": -0.1}, "AIAN_M_2",
        tone=(0.92, 0.90, 0.88), saturation=0.80,
        hair="quiff", melanin=1.0, iris="brown", beard=0.005, smile=0.25, brows=0.5,
        clothes="MENA_M_2",
        features=Features(jaw=0.05), seed=20,
    ),
    "Ingrid": Person(
        {"White_F_2": 1.1, "White_M_1": -0.1}, "White_F_2", hair="pixie", melanin=0.4, grey=0.97,
        age=0.6, distinct=0.0, iris="grey", glasses="round", glasses_colour=(0.22, 0.12, 0.05),
        clothes="White_F_3", cloth=(0.10, 0.13, 0.11), features=Features(chin=0.04),
        seed=21,
    ),
    "Mateo": Person(
        {"Hispanic_M_2": 1.0}, "Hispanic_M_2", saturation=0.78, brows=0.3, smile=0.2,
        distinct=0.5, hair="curly", melanin=0.93, iris="amber",
        beard=0.0025, clothes="Hispanic_M_2", cloth=(0.07, 0.11, 0.20), lashes=0.8,
        features=Features(chin=0.06, cheeks=0.003, mouth=0.08), seed=22,
    ),
    "Leilani": Person(
        {"X_NHPI_F_3": 0.5, "X_NHPI_F_1": 0.3, "Hispanic_F_2": 0.2}, "X_NHPI_F_3", distinct=0.0,
        brows=0.2, hair="long", melanin=0.97, iris="brown",
        clothes="X_NHPI_F_3", cloth=(0.45, 0.16, 0.12), smile=0.25,
        features=Features(nose=0.10), seed=23,
    ),
    "Amir": Person(
        {"MENA_M_3": 1.15, "Asian_M_1": -0.15}, "MENA_M_2", saturation=0.85, brows=0.35,
        hair="buzz", melanin=0.98, iris="hazel", beard=0.010, smile=0.2, clothes="White_M_1",
        cloth=(0.10, 0.13, 0.11), features=Features(jaw=-0.03, nose=-0.08), seed=24,
        hair_changes={"top": 0.010, "sides": 0.006},
    ),
    "Priya": Person(
        {"Hispanic_F_2": 0.8, "MENA_F_1": 0.5, "Hispanic_F_3": -0.3}, "X_NHPI_F_1",
        tone=(0.78, 0.72, 0.68), saturation=0.86, hair="low_bun", melanin=1.0, iris="brown",
        smile=0.2, distinct=0.45, clothes="Asian_F_2", cloth=(0.30, 0.07, 0.16),
        hair_changes={"knot": (0.0, 0.160, 0.116), "knot_size": 0.036},
        features=Features(cheeks=-0.002, chin=0.12, eyes=0.06), seed=25,
    ),
    "Marcus": Person(
        {"Black_M_1": 1.05, "Black_M_2": -0.35, "NHPI_M_1": 0.3}, "Black_M_2",
        tone=(1.14, 1.10, 1.02), saturation=0.80, hair="", iris="black", melanin=0.9, grey=0.35,
        beard=0.007, clothes="Black_M_2", cloth=(0.20, 0.21, 0.22),
        age=0.35, shine=0.34, lashes=0.5, seed=26,
    ),
    "Pip": Person(
        {"White_F_3": 0.6, "White_F_2": 0.4}, "White_F_3",
        hair="pixie", hair_changes=_SMOOTH, melanin=0.47, redness=0.75, iris="green",
        iris_size=0.0118, clothes="White_F_3", cloth=(0.10, 0.34, 0.30), lips=(1.0, 0.86, 0.86),
        smile=0.3, brows=0.25, distinct=0.5, seed=27,
        painted=True,
        features=Features(neck=0.2, eyes=0.38, nose=0.2, tip=0.005, chin=0.25, cheeks=0.010,
        mouth=-0.22),
    ),
    "Juno": Person(
        {"Black_F_1": 0.6, "Hispanic_F_2": 0.4}, "X_NHPI_F_1",
        tone=(0.72, 0.62, 0.56), saturation=0.85, hair="ringlets",
        melanin=0.95, redness=0.4, iris="amber", iris_size=0.0112, clothes="Black_F_2",
        cloth=(0.55, 0.30, 0.42), smile=0.3, brows=0.2, seed=28,
        painted=True,
        distinct=0.6,
        features=Features(neck=0.2, eyes=0.46, nose=0.2, tip=0.004, chin=0.12, jaw=0.06,
        cheeks=0.008,
                    mouth=0.22, forehead=0.006),
    ),
    "Max": Person(
        {"White_M_2": 0.5, "White_M_1": 0.3, "Hispanic_M_1": 0.2}, "Asian_M_1",
        tone=(1.0, 0.96, 0.93), hair="quiff", hair_changes=_SMOOTH, melanin=0.62, redness=0.4,
        iris="blue", iris_size=0.0106, clothes="Hispanic_M_2", cloth=(0.60, 0.42, 0.06),
        smile=0.35, brows=0.2, distinct=0.5, seed=29,
        painted=True,
        features=Features(eyes=0.44, nose=-0.05, tip=0.003, chin=-0.06, jaw=0.10, cheeks=0.002,
                    mouth=0.08),
    ),
}  # fmt: skip
"""In the order that pictures index them; the last three are stylised."""
