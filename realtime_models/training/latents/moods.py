"""Learn how moods follow one another from a file of sequences.

`python -m latentcam.realtime_models.training.latents.moods --sequences FILE --out MOODS`

The file has a sequence a line, `neutral:2 happy:1.5 surprised:0.8`, moods with their seconds; lines
that begin with # are remarks. `natural_moods.txt` beside this module is made up, from odds
that were written by hand: people in a talk are neutral most of the time, are surprised for a moment
and then happy, and seldom go from one strong mood to its opposite.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from latentcam.realtime_models.motion.moods import LONGEST, NEUTRAL, SHORTEST, Mood
from latentcam.realtime_models.training.weights import save_weights

HIDDEN = 32
STEPS, RATE, DECAY = 400, 1e-2, 1e-3
HELD_OUT_EVERY = 8  # one sequence in so many


def read_sequences(path: Path) -> list[list[Mood]]:
    """Raises ValueError with the line that is wrong."""
    sequences = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        moods = []
        for word in [] if line.startswith("#") else line.split():
            name, _, seconds = word.partition(":")
            try:
                mood = Mood(name, float(seconds))
            except ValueError:
                mood = Mood("", 0.0)
            if not mood.name or not SHORTEST <= mood.seconds <= LONGEST:
                raise ValueError(
                    f"{path}, line {number}: {word[:40]!r}, expected MOOD:SECONDS, "
                    f"{SHORTEST:g} to {LONGEST:g}"
                )
            moods.append(mood)
        if len(moods) > 1:
            sequences.append(moods)
    if len(sequences) < HELD_OUT_EVERY:
        raise ValueError(
            f"{path} has {len(sequences)} sequences, expected {HELD_OUT_EVERY} or more"
        )
    return sequences


class Network(nn.Module):
    """The tensors of a `MoodModel`, under its names."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(count + 1, HIDDEN, batch_first=True)
        self.output = nn.Linear(HIDDEN, count + 2)

    def forward(self, x: Tensor) -> Tensor:
        """x: [1, n, labels + 1]. Returns [1, n, labels + 2]."""
        z: Tensor = self.output(self.lstm(x)[0])
        return z


def loss_of(network: Network, x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean surprise, in nats, at the moods that follow and at their seconds. x: [n, count + 1]."""
    z = network(x[None, :-1])[0]
    wanted = x[1:]
    mood = F.cross_entropy(z[:, :-2], wanted[:, :-1].argmax(dim=1))
    spread = z[:, -1].clamp(-4.0, 1.0)
    away = (wanted[:, -1] - z[:, -2]) / spread.exp()
    return mood, (0.5 * away.square() + spread).mean()


def learn(sequences: list[list[Mood]], seed: int = 0) -> tuple[tuple[str, ...], Network, float]:
    """Labels, the network, and the held-out surprise at the next mood as a share of what the mere
    frequencies of moods leave: below 1, it knows something of their order."""
    torch.manual_seed(seed)
    labels = tuple(sorted({mood.name for one in sequences for mood in one} | {NEUTRAL}))

    def features(one: list[Mood]) -> Tensor:
        names = torch.tensor([labels.index(mood.name) for mood in one])
        seconds = torch.tensor([mood.seconds for mood in one]).log()
        return torch.cat([F.one_hot(names, len(labels)).float(), seconds[:, None]], dim=1)

    held = [features(one) for one in sequences[::HELD_OUT_EVERY]]
    known = [features(one) for i, one in enumerate(sequences) if i % HELD_OUT_EVERY]
    network = Network(len(labels))
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=DECAY)
    generator = torch.Generator().manual_seed(seed)
    for step in range(STEPS):
        for group in optimiser.param_groups:
            group["lr"] = RATE * (1 - step / STEPS)
        mood, seconds = loss_of(
            network, known[int(torch.randint(len(known), (), generator=generator))]
        )
        optimiser.zero_grad()
        (mood + 0.3 * seconds).backward()
        optimiser.step()
    frequency = torch.cat([one[1:, :-1] for one in known]).mean(dim=0).clamp_min(1e-3)
    with torch.no_grad():
        told = torch.stack([loss_of(network, one)[0] for one in held]).mean()
        plain = -torch.stack([(one[1:, :-1] @ frequency.log()).mean() for one in held]).mean()
    return labels, network, float(told / plain)


def write(labels: tuple[str, ...], network: Network, path: Path) -> None:
    """The file that `load_moods` reads."""
    tensors = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    tensors["input.mean"] = np.zeros(len(labels) + 1, np.float32)
    tensors["input.std"] = np.ones(len(labels) + 1, np.float32)
    save_weights(tensors, path, {"labels": json.dumps(labels)})


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    here = Path(__file__).with_name("natural_moods.txt")
    parser.add_argument("--sequences", type=Path, default=here, help="a sequence a line")
    parser.add_argument("--out", type=Path, required=True, help="the file to write, .safetensors")
    args = parser.parse_args(argv)
    try:
        labels, network, share = learn(read_sequences(args.sequences))
        write(labels, network, args.out)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    print(f"{len(labels)} moods; of the surprise that frequencies leave, {share:.2f} is left")


if __name__ == "__main__":
    main()
