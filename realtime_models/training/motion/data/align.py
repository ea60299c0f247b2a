"""Forced alignment: when each phone of a known sentence is spoken, for sound without times.

A small bidirectional network names the phone of every hop; Viterbi's path through the sentence's
phones, with optional silence between words, gives the times. Training only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from latentcam.realtime_models.training.motion.data.phones import PHONES, SILENCE, Phone

INDEX = {name: i for i, name in enumerate(PHONES)}
SHORTEST = 3  # hops that a phone lasts at least


class PhoneNetwork(nn.Module):
    """Features [n, t, mels] -> log-probabilities of PHONES [n, t, phones]."""

    def __init__(self, mels: int, hidden: int = 160) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(mels)
        self.lstm = nn.LSTM(
            mels, hidden, num_layers=2, batch_first=True, bidirectional=True, dropout=0.2
        )
        self.output = nn.Linear(2 * hidden, len(PHONES))

    def forward(self, features: Tensor) -> Tensor:
        x = self.norm(features.transpose(1, 2)).transpose(1, 2)
        return torch.log_softmax(self.output(self.lstm(x)[0]), -1)


def labels(phones: Sequence[Phone], hops: int, back_s: float = 0.0125) -> NDArray[np.int64]:
    """int64 [hops]: the phone `back_s` before the end of each hop, silence where there is none.

    The middle of a feature frame lies 12.5 ms before its end.
    """
    times = (np.arange(hops) + 1) * 0.01 - back_s
    stops = np.array([phone.stop for phone in phones])
    names = [INDEX[phone.name] for phone in phones] + [INDEX[SILENCE]]
    return np.asarray(np.array(names)[np.searchsorted(stops, times, side="right")], np.int64)


def align(
    log_probs: NDArray[np.float32],
    words: Sequence[Sequence[Sequence[str]]],
    prior: NDArray[np.float32],
) -> tuple[list[Phone], float]:
    """Times of the phones of `words` in a sound, and the mean log-likelihood per hop.

    log_probs: [hops, PHONES]. words: the pronunciations of each, of which the likeliest is taken.
    prior: log-probability [PHONES] of each phone anywhere, taken out (Bourlard and Morgan 1994).
    Silence may stand before, between and after words. The likelihood is -inf where the phones do
    not fit into the sound.
    """
    phones = [SILENCE]
    states = [0]  # -> the phone that each state is a part of
    sources = [[0]]  # -> the states that each may come from, itself among them
    ends = [0]  # the states in which the words so far may end
    for word in words:
        entries, ends = ends, []
        for pronunciation in word:
            before = entries
            for phone in pronunciation:
                phones.append(phone)
                for _ in range(SHORTEST):
                    sources.append([len(states), *before])
                    before = [len(states)]
                    states.append(len(phones) - 1)
            ends += before
        phones.append(SILENCE)
        sources.append([len(states), *ends])
        ends = [*ends, len(states)]
        states.append(len(phones) - 1)
    # A last state that nothing reaches stands for the missing sources of those that have few.
    most = max(len(few) for few in sources)
    came_from = np.array([few + [len(states)] * (most - len(few)) for few in sources])
    score = (log_probs - prior)[:, [INDEX[phones[i]] for i in states]]  # [hops, states]
    hops = len(score)
    best = np.full((hops, len(states) + 1), -np.inf)
    chosen = np.zeros((hops, len(states)), np.int64)
    starts = [i for i, few in enumerate(sources) if i == 0 or 0 in few]
    best[0, starts] = score[0, starts]
    for t in range(1, hops):
        options = best[t - 1][came_from]  # [states, most]
        taken = options.argmax(1)
        rows = np.arange(len(states))
        chosen[t] = came_from[rows, taken]
        best[t, :-1] = options[rows, taken] + score[t]
    state = max(ends, key=lambda end: best[-1, end])
    likelihood = float(best[-1, state]) / hops
    path = np.zeros(hops, np.int64)  # the phone of each hop
    for t in range(hops - 1, -1, -1):
        path[t] = states[state]
        state = chosen[t, state]
    found = []
    first = 0
    for t in range(1, hops + 1):
        if t == hops or path[t] != path[first]:
            # Frame i is centred 12.5 ms before its end, so hop i stands for i*10 - 7.5 ms on.
            start = 0.0 if first == 0 else first * 0.01 - 0.0075
            stop = hops * 0.01 if t == hops else t * 0.01 - 0.0075
            found.append(Phone(phones[int(path[first])], start, stop))
            first = t
    return found, likelihood
