"""Give phone times to real recordings whose words are known: GRID, speechocean762, others.

A phone network learns from speech with known times (LJ Speech, synthesised voices), aligns some of
the rest, learns from that too, aligns all of it, learns again, and aligns a last time. What is in
OUT already is kept: run again, it aligns only new recordings.

python -m latentcam.realtime_models.training.motion.data.annotate --data DIR --said DIR --out DIR \\
    [--natural DIR] [--learners DIR]
"""

from __future__ import annotations

import argparse
import csv
import json
import logging
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from latentcam.realtime_models.arrays import Mel, Samples
from latentcam.realtime_models.motion.mel import MelConfig, log_mel, mel_initial_state
from latentcam.realtime_models.training.motion.data.align import PhoneNetwork, align, labels
from latentcam.realtime_models.training.motion.data.augment import Surroundings, disturb, warp
from latentcam.realtime_models.training.motion.data.phones import (
    PHONES,
    Phone,
    clip_edges,
    from_arpabet,
    read_textgrid,
)
from latentcam.realtime_models.training.motion.data.sound import RATE, read_sound
from latentcam.realtime_models.training.motion.data.synthesise import read_spoken
from latentcam.realtime_models.training.motion.data.unseen import unseen
from latentcam.realtime_models.training.motion.data.vary import FLOOR, vary
from latentcam.realtime_models.training.motion.data.voices import pronounce
from latentcam.realtime_models.training.weights import save_weights
from latentcam.realtime_models.training.whole import whole

CROP = 250
FEW = 2500  # recordings without times that the phone network learns from in its second pass
KNOWN_SHARE = 0.25  # of what it hears in the second and third pass has known times

GRID_WORDS = {
    "a": "EY", "again": "AH G EH N", "at": "AE T", "b": "B IY", "bin": "B IH N",
    "blue": "B L UW", "by": "B AY", "c": "S IY", "d": "D IY", "e": "IY", "eight": "EY T",
    "f": "EH F", "five": "F AY V", "four": "F AO", "g": "JH IY", "green": "G R IY N",
    "h": "EY CH", "i": "AY", "in": "IH N", "j": "JH EY", "k": "K EY", "l": "EH L", "lay": "L EY",
    "m": "EH M", "n": "EH N", "nine": "N AY N", "now": "N AW", "o": "OW", "one": "W AH N",
    "p": "P IY", "place": "P L EY S", "please": "P L IY Z", "q": "K Y UW", "r": "AA",
    "red": "R EH D", "s": "EH S", "set": "S EH T", "seven": "S EH V AH N", "six": "S IH K S",
    "soon": "S UW N", "t": "T IY", "three": "TH R IY", "two": "T UW", "u": "Y UW", "v": "V IY",
    "white": "W AY T", "with": "W IH DH", "x": "EH K S", "y": "W AY", "z": "Z EH D",
    "zero": "Z IH R OW",
}  # fmt: skip
"""British pronunciations of GRID's 51 words."""

GRID_NAME = re.compile("[blps][bgrw][abiw][a-vx-z][z1-9][anps]")
GRID_LETTERS = (
    {"b": "bin", "l": "lay", "p": "place", "s": "set"},
    {"b": "blue", "g": "green", "r": "red", "w": "white"},
    {"a": "at", "b": "by", "i": "in", "w": "with"},
    {"a": "again", "n": "now", "p": "please", "s": "soon"},
)
GRID_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Utterance:
    """A recording; `phones` where times are known, else `words` (the pronunciations of each), or
    else `text`, English to be pronounced."""

    name: str
    samples: Samples
    words: list[list[list[str]]]
    phones: list[Phone]
    text: str = ""


def _split(symbols: Sequence[str]) -> list[str]:
    return [phone.name for symbol in symbols for phone in from_arpabet(symbol, 0.0, 1.0)]


def grid(data: Path) -> Iterator[Utterance]:
    for path in sorted((data / "lips").glob("*.align")):
        yield _grid_clip(f"grid/s1/{path.stem}", path.with_suffix(".flac"))


def lips_of_many(data: Path) -> Iterator[Utterance]:
    """The other speakers of GRID; clips that others renamed, so that nothing says what is said in
    them, are left out."""
    for path in sorted((data / "lips_many" / "learn").glob("grid_*.flac")):
        speaker, name = path.stem.split("_", 2)[1:]
        if GRID_NAME.fullmatch(name):
            yield _grid_clip(f"lips/{speaker}/{name}", path)


def _grid_clip(name: str, sound: Path) -> Utterance:
    words = grid_words(name.rsplit("/", 1)[1])
    spoken = [[_split(GRID_WORDS[word].split())] for word in words]
    return Utterance(name, read_sound(sound), spoken, [])


def grid_words(name: str) -> list[str]:
    """What is said in a clip of GRID: its name has a letter for each word (Cooke et al. 2006)."""
    command, colour, preposition, letter, digit, adverb = [*name]
    return [
        GRID_LETTERS[0][command], GRID_LETTERS[1][colour], GRID_LETTERS[2][preposition], letter,
        GRID_DIGITS["z123456789".index(digit)], GRID_LETTERS[3][adverb],
    ]  # fmt: skip


def ocean(data: Path, learners: Path | None = None) -> Iterator[Utterance]:
    """speechocean762: many learners of English, old and young; its phones, without times.

    learners: a copy of the corpus as it is published; without it those clips that `data` has.
    """
    if learners is None:
        with (data / "MANIFEST.csv").open() as file:
            rows = [r for r in csv.DictReader(file) if "speechocean762" in r["file"]]
        for row in rows:
            yield _learner(data / row["file"], row["alignment"].split(":", 1)[1].split("|"))
        return
    words: dict[str, list[str]] = {}
    for line in (learners / "resource" / "text-phone").read_text().splitlines():
        name, spoken = line.split(maxsplit=1)
        words.setdefault(name.split(".")[0], []).append(spoken)
    for path in sorted(learners.glob("WAVE/*/*.WAV")):
        if path.stem in words:
            yield _learner(path, words[path.stem])


def learners_folder(folder: str) -> Path:
    """A copy of speechocean762, as a type of argparse."""
    if not (Path(folder) / "resource" / "text-phone").is_file():
        message = f"got {folder}, expected a copy of speechocean762, with resource/text-phone in it"
        raise argparse.ArgumentTypeError(message)
    return Path(folder)


def _learner(path: Path, words: Sequence[str]) -> Utterance:
    """words: the phones of each, as "DH_B EH0_I N_E"."""
    phones = [[_split([re.sub(r"[_\d].*", "", sign) for sign in word.split()])] for word in words]
    speaker = path.parent.name.removeprefix("SPEAKER")
    return Utterance(f"ocean/{speaker}/{path.stem}", read_sound(path), phones, [])


def lj_folders(data: Path, natural_folder: Path | None) -> list[Path]:
    """Where `lj_speech` looks."""
    return [data / "speech_aligned", *([natural_folder] if natural_folder else [])]


def lj_speech(*folders: Path) -> Iterator[Utterance]:
    """LJ Speech: LJ*.wav or .flac with LJ*.TextGrid of the Montreal Forced Aligner, anywhere in
    `folders`."""
    files = [path for folder in folders for path in sorted(folder.rglob("LJ*"))]
    sounds = {path.stem: path for path in files if path.suffix in (".wav", ".flac")}
    grids = {path.stem: path for path in files if path.suffix == ".TextGrid"}
    for name in sorted(sounds.keys() & grids.keys()):
        samples = read_sound(sounds[name])
        phones = clip_edges(read_textgrid(grids[name]), len(samples) / RATE)
        yield Utterance(f"lj/linda/{name}", samples, [], phones)


def said(folder: Path) -> Iterator[Utterance]:
    for path in sorted(folder.glob("*/*.npz")):
        spoken = read_spoken(path)
        yield Utterance(f"said/{path.parent.name}/{path.stem}", spoken.samples, [], spoken.phones)


def natural(folder: Path, wanted: Callable[[str], bool] = lambda name: True) -> Iterator[Utterance]:
    """More recordings whose words are known: SPEAKER/NAME.wav or .flac, its words in NAME.txt."""
    for path in sorted(folder.glob("*/*.txt")):
        sound = path.with_suffix(".wav" if path.with_suffix(".wav").exists() else ".flac")
        name = f"natural/{path.parent.name}/{path.stem}"
        if wanted(name):
            yield Utterance(name, read_sound(sound), [], [], path.read_text())


def pronounced(text: str) -> list[list[list[str]]]:
    """The pronunciations of each word of an English text."""
    words = re.findall(r"[a-z']+", text.lower())
    spoken = [[_split(form) for form in pronounce(word) if form] for word in words]
    return [forms for forms in spoken if forms]


def with_times(data: Path, said_folder: Path, natural_folder: Path | None) -> list[Utterance]:
    """What the phone network learns from: LJ Speech, each clip thrice, and synthesised voices.

    Nothing that judges the motion model.
    """
    lj = [*lj_speech(*lj_folders(data, natural_folder))]
    return [u for u in lj * 3 + [*said(said_folder)] if not unseen(u.name)]


Labelled = tuple[Mel, NDArray[np.int64]]
"""Features, and the phone of each hop as an index into PHONES."""


def _features(samples: Samples) -> Mel:
    config = MelConfig()
    return log_mel(samples, mel_initial_state(config), config)[0]


def _labelled(utterances: Sequence[Utterance], rng: np.random.Generator) -> list[Labelled]:
    """As heard and once more warped and disturbed."""
    out = []
    for utterance in utterances:
        clean = _features(utterance.samples)
        out.append((clean, labels(utterance.phones, len(clean))))
        rate = float(rng.uniform(0.85, 1.2))
        samples, _ = warp(utterance.samples, [], rate)
        features = _features(disturb(samples, Surroundings([], []), rng))
        phones = [Phone(p.name, p.start / rate, p.stop / rate) for p in utterance.phones]
        out.append((features, labels(phones, len(features))))
    return out


def _learn(
    network: PhoneNetwork, known: Sequence[Labelled], guessed: Sequence[Labelled], steps: int
) -> None:
    """known: what has times; guessed: what the network gave times to before."""
    rng = np.random.default_rng(len(guessed))
    examples = [*known, *guessed]
    chance = np.array([len(phones) for _, phones in examples], np.float64)
    if guessed:
        chance[: len(known)] *= KNOWN_SHARE / chance[: len(known)].sum()
        chance[len(known) :] *= (1.0 - KNOWN_SHARE) / chance[len(known) :].sum()
    optimiser = torch.optim.AdamW(network.parameters(), 3e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, steps)
    network.train()
    for step in range(steps):
        x = np.full((32, CROP, MelConfig().mels), FLOOR, np.float32)
        y = np.full((32, CROP), -100)
        for row, i in enumerate(rng.choice(len(examples), 32, p=chance / chance.sum())):
            features, phones = examples[i]
            start = int(rng.integers(max(1, len(phones) - CROP + 1)))
            n = min(CROP, len(phones) - start)
            x[row, :n], y[row, :n] = features[start : start + n], phones[start : start + n]
        log_probs = network(torch.from_numpy(vary(x, rng)))
        loss = torch.nn.functional.nll_loss(
            log_probs.flatten(0, 1), torch.from_numpy(y).flatten(), ignore_index=-100
        )
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % 50 == 0:
            log.info("step %d, loss %.3f", step, loss.item())
    network.eval()


def _prior(examples: Sequence[Labelled]) -> NDArray[np.float32]:
    counts = np.bincount(np.concatenate([y for _, y in examples]), minlength=len(PHONES)) + 50.0
    return np.asarray(np.log(counts / counts.sum()), np.float32)


@torch.inference_mode()
def _align_one(
    utterance: Utterance, network: PhoneNetwork, prior: NDArray[np.float32]
) -> tuple[Utterance, float]:
    torch.set_num_threads(1)
    features = torch.from_numpy(_features(utterance.samples))[None]
    words = utterance.words or pronounced(utterance.text)
    if not words:
        return utterance, -np.inf
    phones, fit = align(network(features)[0].numpy(), words, 0.7 * prior)
    return replace(utterance, phones=phones), fit


def _align_all(
    network: PhoneNetwork,
    prior: NDArray[np.float32],
    utterances: Sequence[Utterance],
    workers: int,
) -> list[tuple[Utterance, float]]:
    with ProcessPoolExecutor(workers) as pool:
        one = partial(_align_one, network=network, prior=prior)
        return list(pool.map(one, utterances, chunksize=32))


def _aligner(
    timed: Sequence[Utterance], unaligned: Sequence[Utterance], steps: int, workers: int
) -> tuple[PhoneNetwork, NDArray[np.float32]]:
    """The phone network and the prior, learned from `timed`, then from more and more of
    `unaligned` too, in times that the network before gave it."""
    rng = np.random.default_rng(0)
    known = _labelled(timed, rng)
    seen = [u for u in unaligned if not unseen(u.name)]
    shuffled = [seen[i] for i in rng.permutation(len(seen))]
    network = PhoneNetwork(MelConfig().mels)
    _learn(network, known, [], steps)
    examples = known
    for some, longer in ((shuffled[:FEW], 1), (shuffled, 2)):
        aligned = _align_all(network, _prior(examples), some, workers)
        fitting = [u for u, fit in aligned if fit > -np.inf]
        features = [_features(u.samples) for u in fitting]
        guessed = [(x, labels(u.phones, len(x))) for x, u in zip(features, fitting, strict=True)]
        network = PhoneNetwork(MelConfig().mels)
        _learn(network, known, guessed, longer * steps)
        examples = [*known, *guessed]
    return network, _prior(examples)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--said", type=Path, required=True, help="what synthesise made")
    parser.add_argument("--natural", type=Path, help="SPEAKER/NAME.wav, with NAME.txt")
    parser.add_argument("--learners", type=learners_folder, help="a copy of all of speechocean762")
    parser.add_argument("--out", type=Path, required=True, help="phones.json is written there")
    parser.add_argument("--steps", type=int, default=450, help="of a pass; the third has twice")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    args.out.mkdir(parents=True, exist_ok=True)
    kept, learned = args.out / "phones.json", args.out / "aligner.safetensors"
    table = json.loads(kept.read_text()) if kept.exists() else {}
    unaligned = [*grid(args.data), *lips_of_many(args.data), *ocean(args.data, args.learners)]
    if args.natural:
        # An aligner that is yet to learn learns from all.
        unaligned += natural(args.natural, lambda n: n not in table or not learned.exists())
    if learned.exists():
        stored = load_file(learned)
        prior, network = stored.pop("prior").numpy(), PhoneNetwork(MelConfig().mels)
        network.load_state_dict(stored)
        network.eval()
    else:
        timed = with_times(args.data, args.said, args.natural)
        english = [u for u in timed if "espeak" not in u.name or "espeak-en" in u.name]
        network, prior = _aligner(english, unaligned, args.steps, args.workers)
        tensors = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
        save_weights({**tensors, "prior": prior}, learned)
    new = {u.name: u for u in unaligned if u.name not in table}
    log.info("aligning %d recordings", len(new))
    for u, fit in _align_all(network, prior, [*new.values()], args.workers):
        table[u.name] = {"fit": fit, "phones": [asdict(p) for p in u.phones]}
    with whole(kept) as part:
        part.write_text(json.dumps(table))


if __name__ == "__main__":
    main()
