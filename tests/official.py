"""StyleGAN2 as its papers describe it, in plain float64 numpy, and a writer of its two public file
formats: what imported packs are compared with.

Karras et al. 2019 (https://arxiv.org/abs/1812.04948), 2020 (https://arxiv.org/abs/1912.04958) and
2020b (https://arxiv.org/abs/2006.06676): equalised learning rates, modulation and demodulation,
constant noise, the three architectures of figure 7, truncation. Nothing of the package is used.
"""

from __future__ import annotations

import pickle
import sys
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass
class Official:
    """A network of random weights, as its makers store them: before equalised learning rates.

    widths: resolution -> channels.
    """

    z_dim: int = 6
    w_dim: int = 8
    c_dim: int = 0
    mapping_layers: int = 3
    lr_multiplier: float = 0.01
    widths: dict[int, int] = field(default_factory=lambda: {4: 6, 8: 5, 16: 4})
    architecture: str = "skip"
    noise: bool = True
    clamp: float | None = None
    half_from: int = 1 << 30  # resolution from which layers compute in float16
    seed: int = 0

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        self.weights: dict[str, Array] = {}

        def draw(name: str, *shape: int, scale: float = 1.0, mean: float = 0.0) -> None:
            drawn = rng.standard_normal(shape) * scale + mean
            self.weights[name] = drawn.astype(np.float32).astype(np.float64)

        width = self.z_dim + (self.w_dim if self.c_dim else 0)
        if self.c_dim:
            draw("mapping.embed.weight", self.w_dim, self.c_dim)
            draw("mapping.embed.bias", self.w_dim, scale=0.1)
        for index in range(self.mapping_layers):
            draw(f"mapping.fc{index}.weight", self.w_dim, width, scale=1 / self.lr_multiplier)
            draw(f"mapping.fc{index}.bias", self.w_dim, scale=0.1 / self.lr_multiplier)
            width = self.w_dim
        draw("mapping.w_avg", self.w_dim, scale=0.3)
        draw("synthesis.b4.const", self.widths[4], 4, 4)
        for size, here in self.widths.items():
            below = self.widths.get(size // 2, 0)
            layers = ([("conv0", below, 3)] if below else []) + [("conv1", here, 3)]
            if self.draws(size):
                layers.append(("torgb", here, 1))
            for name, inputs, kernel in layers:
                prefix, out = f"synthesis.b{size}.{name}", 3 if name == "torgb" else here
                draw(f"{prefix}.weight", out, inputs, kernel, kernel)
                draw(f"{prefix}.bias", out, scale=0.1)
                draw(f"{prefix}.affine.weight", inputs, self.w_dim)
                draw(f"{prefix}.affine.bias", inputs, scale=0.1, mean=1.0)
                if self.noise and kernel == 3:
                    draw(f"{prefix}.noise_const", size, size)
                    draw(f"{prefix}.noise_strength", scale=0.1, mean=0.1)
            if below and self.architecture == "resnet":
                draw(f"synthesis.b{size}.skip.weight", here, below, 1, 1)

    @property
    def resolution(self) -> int:
        return max(self.widths)

    def draws(self, size: int) -> bool:
        return self.architecture == "skip" or size == self.resolution

    def __getitem__(self, name: str) -> Array:
        return self.weights[name]

    def linear(self, name: str, x: Array, rate: float = 1.0) -> Array:
        weight = self[f"{name}.weight"]
        scaled = weight.T * (rate / np.sqrt(weight.shape[1]))
        return np.asarray(x @ scaled + self[f"{name}.bias"] * rate)

    def mapping(
        self, z: Array, label: int = 0, psi: float = 1.0, cutoff: int | None = None
    ) -> Array:
        """z: [n, z_dim]. Returns ws [n, num_ws, w_dim]."""
        x = normalised(z)
        if self.c_dim:
            embedded = self.linear("mapping.embed", np.eye(self.c_dim)[[label]])
            x = np.concatenate([x, np.repeat(normalised(embedded), len(z), axis=0)], axis=1)
        for index in range(self.mapping_layers):
            x = leaky(self.linear(f"mapping.fc{index}", x, self.lr_multiplier)) * np.sqrt(2)
        ws = np.repeat(x[:, None], 2 * len(self.widths), axis=1)
        if psi != 1:
            w_avg = self["mapping.w_avg"]
            ws[:, :cutoff] = w_avg + (ws[:, :cutoff] - w_avg) * psi
        return ws

    def synthesis(self, ws: Array) -> Array:
        """ws: [n, num_ws, w_dim]. Returns pictures [n, 3, H, W], about [-1, 1]."""
        x = np.repeat(self["synthesis.b4.const"][None], len(ws), axis=0)
        picture: Array | None = None
        row = 0
        for size in self.widths:
            block, before, root = f"synthesis.b{size}", x, 1.0
            if size > 4:
                x = self.layer(f"{block}.conv0", x, ws[:, row], up=True)
                row += 1
                if self.architecture == "resnet":
                    root = np.sqrt(0.5)
            x = self.layer(f"{block}.conv1", x, ws[:, row], gain=root)
            row += 1
            if root != 1:
                weight = self[f"{block}.skip.weight"]
                aside = convolved(before, weight / np.sqrt(weight.shape[1]), 0)
                x = x + self.cut_off(enlarged(aside) * root, root)
            if self.draws(size):
                style = self.linear(f"{block}.torgb.affine", ws[:, row])
                weight = self[f"{block}.torgb.weight"]
                style = style / np.sqrt(weight.shape[1])
                y = convolved(x * style[:, :, None, None], weight, 0)
                y = self.cut_off(y + self[f"{block}.torgb.bias"][:, None, None])
                picture = y if picture is None else enlarged(picture) + y
        assert picture is not None
        return picture

    def layer(self, name: str, x: Array, w: Array, up: bool = False, gain: float = 1.0) -> Array:
        style = self.linear(f"{name}.affine", w)
        weight = self[f"{name}.weight"]
        pictures = []
        for one, scale in zip(x, style, strict=True):
            kernel = weight * scale[None, :, None, None]
            kernel /= np.sqrt(np.square(kernel).sum(axis=(1, 2, 3), keepdims=True) + 1e-8)
            pictures.append(
                smoothed(transposed(one[None], kernel)) if up else convolved(one[None], kernel, 1)
            )
        y = np.concatenate(pictures)
        if self.noise:
            y = y + self[f"{name}.noise_const"] * self[f"{name}.noise_strength"]
        y = leaky(y + self[f"{name}.bias"][:, None, None]) * np.sqrt(2) * gain
        return self.cut_off(y, gain)

    def cut_off(self, x: Array, gain: float = 1.0) -> Array:
        return x if self.clamp is None else np.clip(x, -self.clamp * gain, self.clamp * gain)


def normalised(x: Array) -> Array:
    return np.asarray(x / np.sqrt(np.square(x).mean(axis=1, keepdims=True) + 1e-8))


def leaky(x: Array) -> Array:
    return np.where(x > 0, x, 0.2 * x)


def convolved(x: Array, weight: Array, pad: int) -> Array:
    """A correlation, as networks say convolution."""
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    size, out = weight.shape[2], 0.0
    high, wide = (length - size + 1 for length in x.shape[2:])
    for row, column in np.ndindex(size, size):
        seen = x[:, :, row : row + high, column : column + wide]
        out = out + np.einsum("nihw,oi->nohw", seen, weight[:, :, row, column])
    return np.asarray(out)


def transposed(x: Array, weight: Array) -> Array:
    """Each pixel puts its kernel down, two pixels from the next: [n, O, 2h + 1, 2w + 1]."""
    n, _, high, wide = x.shape
    out = np.zeros((n, len(weight), 2 * high + 1, 2 * wide + 1))
    for row, column in np.ndindex(3, 3):
        put = np.einsum("nihw,oi->nohw", x, weight[:, :, row, column])
        out[:, :, row : row + 2 * high : 2, column : column + 2 * wide : 2] += put
    return out


FIR = np.outer([1, 3, 3, 1], [1, 3, 3, 1]) / 64


def filtered(x: Array, before: int, after: int) -> Array:
    """By FIR, with zeros around, four times as bright: three of four pixels were zeros."""
    x = np.pad(x, ((0, 0), (0, 0), (before, after), (before, after)))
    high, wide = x.shape[2] - 3, x.shape[3] - 3
    parts = [
        x[:, :, row : row + high, column : column + wide] * FIR[row, column]
        for row, column in np.ndindex(4, 4)
    ]
    return np.asarray(4 * np.sum(parts, axis=0))


def smoothed(x: Array) -> Array:
    return filtered(x, 1, 1)


def enlarged(x: Array) -> Array:
    n, c, high, wide = x.shape
    apart = np.zeros((n, c, 2 * high, 2 * wide))
    apart[:, :, ::2, ::2] = x
    return filtered(apart, 2, 1)


class Persistent:
    """Pickles as an object of a persistent class does: a call of one function with a record of the
    module's source, the class's name and the state."""

    def __init__(self, class_name: str, state: dict[str, Any], source: str = "") -> None:
        self.meta = {
            "type": "class",
            "version": 6,
            "module_src": source or "raise SystemExit('the source ran')\n",
            "class_name": class_name,
            "state": state,
        }

    def __reduce__(self) -> Any:
        return sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj, (self.meta,)


@contextmanager
def foreign_modules() -> Iterator[type[dict[str, Any]]]:
    """Modules by the names that a pickle holds; yields EasyDict."""

    def _reconstruct_persistent_obj(meta: object) -> object:
        raise AssertionError("the record was called")

    _reconstruct_persistent_obj.__module__ = "torch_utils.persistence"
    _reconstruct_persistent_obj.__qualname__ = "_reconstruct_persistent_obj"
    easy: type[dict[str, Any]] = type("EasyDict", (dict,), {"__module__": "dnnlib.util"})
    names: dict[str, dict[str, Any]] = {
        "torch_utils": {},
        "torch_utils.persistence": {"_reconstruct_persistent_obj": _reconstruct_persistent_obj},
        "dnnlib": {},
        "dnnlib.util": {"EasyDict": easy},
    }
    for name, members in names.items():
        module = ModuleType(name)
        vars(module).update(members)
        sys.modules[name] = module
    try:
        yield easy
    finally:
        for name in names:
            del sys.modules[name]


def module_state(
    parameters: dict[str, Any], buffers: dict[str, Any], modules: dict[str, Any], **attributes: Any
) -> dict[str, Any]:
    """What torch.nn.Module holds."""
    as_parameter = {
        name: None if value is None else torch.nn.Parameter(value)
        for name, value in parameters.items()
    }
    return {
        "training": False,
        "_parameters": OrderedDict(as_parameter),
        "_buffers": OrderedDict(buffers),
        "_non_persistent_buffers_set": set(),
        "_backward_hooks": OrderedDict(),
        "_modules": OrderedDict(modules),
        **attributes,
    }


def tensor(array: Array) -> torch.Tensor:
    return torch.tensor(array, dtype=torch.float32)


def nvidia_generator(network: Official) -> Persistent:
    """The object "G_ema" of NVIDIA's pickles."""
    fir = tensor(FIR)

    def linear(name: str, rate: float, activation: str) -> Persistent:
        parameters = {part: tensor(network[f"{name}.{part}"]) for part in ("weight", "bias")}
        gain = rate / np.sqrt(network[f"{name}.weight"].shape[1])
        state = module_state(
            parameters, {}, {}, activation=activation, weight_gain=gain, bias_gain=rate
        )
        return Persistent("FullyConnectedLayer", state)

    def block(size: int) -> Persistent:
        prefix, modules = f"synthesis.b{size}", {}
        for name in ("conv0", "conv1", "torgb"):
            if f"{prefix}.{name}.weight" not in network.weights:
                continue
            parameters = {
                part: tensor(network[f"{prefix}.{name}.{part}"])
                for part in ("weight", "noise_strength", "bias")
                if f"{prefix}.{name}.{part}" in network.weights
            }
            buffers = {}
            if name != "torgb":
                buffers["resample_filter"] = fir
            if f"{prefix}.{name}.noise_const" in network.weights:
                buffers["noise_const"] = tensor(network[f"{prefix}.{name}.noise_const"])
            affine = linear(f"{prefix}.{name}.affine", 1.0, "linear")
            attributes: dict[str, Any] = {"conv_clamp": network.clamp}
            if name == "torgb":
                attributes["weight_gain"] = 1 / np.sqrt(network.widths[size])
            else:
                attributes |= {"resolution": size, "up": 2 if name == "conv0" else 1}
                attributes |= {"use_noise": network.noise, "activation": "lrelu", "padding": 1}
                attributes["act_gain"] = np.sqrt(2)
            state = module_state(parameters, buffers, {"affine": affine}, **attributes)
            modules[name] = Persistent("ToRGBLayer" if name == "torgb" else "SynthesisLayer", state)
        if f"{prefix}.skip.weight" in network.weights:
            weight = tensor(network[f"{prefix}.skip.weight"])
            state = module_state(
                {"weight": weight, "bias": None}, {"resample_filter": fir}, {},
                activation="linear", up=2, down=1, conv_clamp=network.clamp, padding=0,
                weight_gain=1 / np.sqrt(weight.shape[1]), act_gain=1,
            )  # fmt: skip
            modules["skip"] = Persistent("Conv2dLayer", state)
        parameters = {"const": tensor(network[f"{prefix}.const"])} if size == 4 else {}
        state = module_state(
            parameters, {"resample_filter": fir}, modules,
            in_channels=network.widths.get(size // 2, 0), w_dim=network.w_dim, resolution=size,
            img_channels=3, is_last=size == network.resolution,
            architecture=network.architecture, use_fp16=size >= network.half_from,
        )  # fmt: skip
        return Persistent("SynthesisBlock", state)

    mapping_modules = {
        f"fc{index}": linear(f"mapping.fc{index}", network.lr_multiplier, "lrelu")
        for index in range(network.mapping_layers)
    }
    if network.c_dim:
        mapping_modules["embed"] = linear("mapping.embed", 1.0, "linear")
    num_ws = 2 * len(network.widths)
    mapping = module_state(
        {}, {"w_avg": tensor(network["mapping.w_avg"])}, mapping_modules,
        z_dim=network.z_dim, c_dim=network.c_dim, w_dim=network.w_dim, num_ws=num_ws,
        num_layers=network.mapping_layers, w_avg_beta=0.995,
    )  # fmt: skip
    synthesis = module_state(
        {}, {}, {f"b{size}": block(size) for size in network.widths},
        w_dim=network.w_dim, img_resolution=network.resolution, img_channels=3, num_ws=num_ws,
        block_resolutions=list(network.widths),
    )  # fmt: skip
    return Persistent(
        "Generator",
        module_state(
            {}, {}, {
                "synthesis": Persistent("SynthesisNetwork", synthesis),
                "mapping": Persistent("MappingNetwork", mapping),
            },
            z_dim=network.z_dim, c_dim=network.c_dim, w_dim=network.w_dim,
            img_resolution=network.resolution, img_channels=3, num_ws=num_ws,
            _init_args=(), _init_kwargs={},
        ),
    )  # fmt: skip


def write_nvidia(network: Official, path: Path, protocol: int = 4, **more: Any) -> Path:
    """A pickle as stylegan2-ada-pytorch and stylegan3 write it."""
    with foreign_modules() as easy:
        generator = nvidia_generator(network)
        content = {
            "G": None,
            "D": None,
            "G_ema": generator,
            "augment_pipe": None,
            "training_set_kwargs": easy(class_name="training.dataset.ImageFolderDataset"),
            **more,
        }
        path.write_bytes(pickle.dumps(content, protocol))
    return path


def rosinality_state(network: Official) -> dict[str, torch.Tensor]:
    """The tensors of "g_ema" in a checkpoint of rosinality's stylegan2-pytorch."""
    state: dict[str, torch.Tensor] = {}

    def put(name: str, array: Array) -> None:
        state[name] = tensor(array)

    for index in range(network.mapping_layers):
        for part in ("weight", "bias"):
            put(f"style.{index + 1}.{part}", network[f"mapping.fc{index}.{part}"])
    put("input.input", network["synthesis.b4.const"][None])

    def convolution(name: str, prefix: str) -> None:
        put(f"{name}.conv.weight", network[f"{prefix}.weight"][None])
        put(f"{name}.conv.modulation.weight", network[f"{prefix}.affine.weight"])
        put(f"{name}.conv.modulation.bias", network[f"{prefix}.affine.bias"])

    noises, number, drawn = [], 0, 0
    for size in network.widths:
        for part in ("conv0", "conv1"):
            prefix = f"synthesis.b{size}.{part}"
            if f"{prefix}.weight" not in network.weights:
                continue
            name = "conv1" if size == 4 else f"convs.{number}"
            number += size > 4
            convolution(name, prefix)
            put(f"{name}.noise.weight", network[f"{prefix}.noise_strength"][None])
            put(f"{name}.activate.bias", network[f"{prefix}.bias"])
            if part == "conv0":
                put(f"{name}.conv.blur.kernel", FIR * 4)
            noises.append(network[f"{prefix}.noise_const"])
        name = "to_rgb1" if size == 4 else f"to_rgbs.{drawn}"
        drawn += size > 4
        convolution(name, f"synthesis.b{size}.torgb")
        put(f"{name}.bias", network[f"synthesis.b{size}.torgb.bias"][None, :, None, None])
        if size > 4:
            put(f"{name}.upsample.kernel", FIR * 4)
    for index, noise in enumerate(noises):
        put(f"noises.noise_{index}", noise[None, None])
    return state


def write_rosinality(network: Official, path: Path, *, zipped: bool = True, **more: Any) -> Path:
    """A checkpoint, as its converter (`latent_avg` beside "g_ema") or its training writes it."""
    content = {
        "g_ema": rosinality_state(network),
        "latent_avg": tensor(network["mapping.w_avg"]),
        **more,
    }
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path


def from_checkpoint(path: Path) -> Official:
    """What `training.imports.train` trained, as NVIDIA's and rosinality's code would store it."""
    found = torch.load(path, map_location="cpu", weights_only=True)
    config, state = found["config"], found["ema"]
    layers = config["layers"]
    widths = {
        layer["resolution"]: layer["in_channels"] for layer in layers if "rgb" in layer["kind"]
    }
    network = Official(
        z_dim=config["z_dim"], w_dim=config["w_dim"],
        mapping_layers=config["mapping"]["layers"], widths=widths,
    )  # fmt: skip

    def put(name: str, found: torch.Tensor, gain: float = 1.0) -> None:
        stored = found.double().numpy() / gain
        assert stored.shape == network[name].shape, name
        network.weights[name] = stored

    width, rate = network.z_dim, network.lr_multiplier
    for index in range(network.mapping_layers):
        prefix = f"mapping.layers.{index}"
        put(f"mapping.fc{index}.weight", state[f"{prefix}.weight"], rate / np.sqrt(width))
        put(f"mapping.fc{index}.bias", state[f"{prefix}.bias"], rate)
        width = network.w_dim
    put("mapping.w_avg", state["mapping.w_avg"])
    put("synthesis.b4.const", state["synthesis.const"][0])
    parts = {"up": "conv0", "conv": "conv1", "rgb": "torgb"}
    for layer in layers:
        ours = f"synthesis.convs.{layer['name']}"
        block, part = layer["name"].split("_")
        theirs = f"synthesis.{block}.{parts[part]}"
        gain = 1 / np.sqrt(layer["in_channels"]) if part == "rgb" else 1.0
        put(f"{theirs}.weight", state[f"{ours}.weight"], gain)
        put(f"{theirs}.bias", state[f"{ours}.bias"])
        put(f"{theirs}.affine.weight", state[f"{ours}.affine.weight"], 1 / np.sqrt(width))
        put(f"{theirs}.affine.bias", state[f"{ours}.affine.bias"])
        if part != "rgb":
            put(f"{theirs}.noise_const", state[f"{ours}.noise"])
            put(f"{theirs}.noise_strength", state[f"{ours}.noise_strength"][0])
    return network


if __name__ == "__main__":  # python -m tests.official CHECKPOINT FOLDER: in both public formats
    trained = from_checkpoint(Path(sys.argv[1]))
    write_nvidia(trained, Path(sys.argv[2]) / "network.pkl")
    write_rosinality(trained, Path(sys.argv[2]) / "network.pt")
