"""Forced alignment: when each phone of a known sentence sounds, in sound that has no times yet.

A small bidirectional network names the phone of every hop; Viterbi's path through the sentence's
phones, with optional silence between words, gives the times. Training only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from realtime_models.training.motion.phones import PHONES, SILENCE, Phone

INDEX = {name: i for i, name in enumerate(PHONES)}
SHORTEST = 3  # hops that a phone lasts at least


class PhoneNetwork(nn.Module):
    """Features [n, t, mels] -> log-probabilities of PHONES [n, t, phones]."""

    def __init__(self, mels: int, hidden: int = 96) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(mels)
        self.lstm = nn.LSTM(
            mels, hidden, num_layers=2, batch_first=True, bidirectional=True, dropout=0.2
        )
        self.output = nn.Linear(2 * hidden, len(PHONES))

    def forward(self, features: Tensor) -> Tensor:
        x = self.norm(features.transpose(1, 2)).transpose(1, 2)
        return torch.log_softmax(self.output(self.lstm(x)[0]), -1)


def labels(phones: Sequence[Phone], hops: int) -> NDArray[np.int64]:
    """int64 [hops]: the phone in the middle of each feature frame (12.5 ms before its end)."""
    times = (np.arange(hops) + 1) * 0.01 - 0.0125
    stops = np.array([phone.stop for phone in phones])
    at = np.searchsorted(stops, times, side="right").clip(0, len(phones) - 1)
    return np.asarray(np.array([INDEX[phone.name] for phone in phones])[at], np.int64)


def align(
    log_probs: NDArray[np.float32], words: Sequence[Sequence[str]], prior: NDArray[np.float32]
) -> tuple[list[Phone], float]:
    """Times of the phones of `words` in a sound, and the mean log-likelihood per hop.

    log_probs: [hops, PHONES]. prior: log-probability [PHONES] of each phone anywhere, taken out
    (Bourlard and Morgan 1994). Silence may stand before, between and after words.
    """
    names, skippable, owner = [SILENCE], [True], [0]
    for word in words:
        for name in word:
            names += [name] * SHORTEST
            skippable += [False] * SHORTEST
            owner += [owner[-1] + 1] * SHORTEST
        names.append(SILENCE)
        skippable.append(True)
        owner.append(owner[-1] + 1)
    score = (log_probs - prior)[:, [INDEX[name] for name in names]]  # [hops, states]
    hops, states = score.shape
    best = np.full((hops, states), -np.inf)
    came = np.zeros((hops, states), np.int64)
    best[0, 0] = score[0, 0]
    best[0, 1] = score[0, 1]
    moves = (0, 1, 2)
    for t in range(1, hops):
        options = np.full((3, states), -np.inf)
        options[0] = best[t - 1]
        options[1, 1:] = best[t - 1, :-1]
        skip = np.array(skippable[1:-1])  # state i may be jumped over, into i + 1
        options[2, 2:] = np.where(skip, best[t - 1, :-2], -np.inf)
        came[t] = options.argmax(0)
        best[t] = options[came[t], np.arange(states)] + score[t]
    state = states - 1 if best[-1, -1] >= best[-1, -2] else states - 2
    likelihood = float(best[-1, state]) / hops
    path = np.zeros(hops, np.int64)  # which phone of the sentence each hop belongs to
    of_phone = dict(zip(owner, names, strict=True))
    for t in range(hops - 1, -1, -1):
        path[t] = owner[state]
        state -= moves[came[t, state]]
    phones = []
    first = 0
    for t in range(1, hops + 1):
        if t == hops or path[t] != path[first]:
            # Frame i is centred 12.5 ms before its end, so hop i stands for i*10 - 7.5 ms on.
            start = 0.0 if first == 0 else first * 0.01 - 0.0075
            stop = hops * 0.01 if t == hops else t * 0.01 - 0.0075
            phones.append(Phone(of_phone[int(path[first])], start, stop))
            first = t
    return phones, likelihood
