"""Training of the generator: it goes on where it stopped, and a pack comes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

torch = pytest.importorskip("torch", reason="the training stack is not installed")
for name in ("PIL", "scipy", "sklearn"):
    pytest.importorskip(name, reason="the training stack is not installed")

from latentcam.realtime_models.avatar_pack import load_pack  # noqa: E402
from latentcam.realtime_models.axes import FACE_AXES  # noqa: E402
from latentcam.realtime_models.generator.layers import GeneratorConfig  # noqa: E402
from latentcam.realtime_models.generator.network import (  # noqa: E402
    Composed,
    Generator,
    SynthesisNetwork,
)
from latentcam.realtime_models.training import make_pack  # noqa: E402
from latentcam.realtime_models.training.expressions import EMOTIONS, SAMPLES  # noqa: E402
from latentcam.realtime_models.training.generator import losses, train  # noqa: E402
from latentcam.realtime_models.training.generator.data import (  # noqa: E402
    HELD_OUT_EVERY,
    load_heads,
    load_textures,
    premultiplied,
)
from latentcam.realtime_models.training.generator.windows import WHOLE, Window  # noqa: E402
from latentcam.realtime_models.training.looks.cast import CAST  # noqa: E402
from latentcam.realtime_models.training.looks.identity import Z_DIM  # noqa: E402
from tests.tiny import (  # noqa: E402
    MOUTH,
    WORDS,
    smooth_pictures,
    tiny_generator,
    worn_card,
    write_pack,
)

CONFIG = tiny_generator(z_dim=Z_DIM)
MOTION_LAYERS = 3


def write_shard(folder: Path, level: int | None = None, held_out: int = 16) -> None:
    """Noise, or one level, of curated identities and of sampled ones."""
    rng, count = np.random.default_rng(0), held_out * HELD_OUT_EVERY
    low, high = (0, 255) if level is None else (level, level)
    folder.mkdir()
    np.savez(
        folder / "shard_0.npz",
        images=rng.integers(low, high + 1, (count + 64, 32, 32, 3)).astype(np.uint8),
        z=rng.standard_normal((count + 64, Z_DIM)).astype(np.float32),
        x=rng.uniform(0, 1, (count + 64, len(FACE_AXES))).astype(np.float32),
        curated=np.concatenate([np.arange(count) % 12, np.full(64, -1)]).astype(np.int16),
    )


def enlarge(path: Path, darker: int = 1) -> None:
    """The pictures of a shard four times as large."""
    kept = dict(np.load(path))
    kept["images"] = kept["images"].repeat(4, 1).repeat(4, 2) // darker
    np.savez(path, **kept)


@pytest.mark.parametrize(
    ("stages", "said"),
    [
        ("32", "a stage is 32, expected SIZE:MINUTES or SIZE:COUNTsteps each"),
        ("32:2,", "a stage is , expected SIZE:MINUTES"),
        ("32:-1", "expected SIZE:MINUTES"),
        ("32:1minute", "expected SIZE:MINUTES"),
        ("48:1steps", "draws no 48 x 48 pictures, expected some of 4, 8, 32"),
    ],
)
def test_stages_that_mean_nothing_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    stages: str, said: str,
) -> None:  # fmt: skip
    write_shard(tmp_path / "renders")
    monkeypatch.setattr(train, "keep_freed_memory", lambda: None)
    words = ["--data", str(tmp_path / "renders"), "--out", str(tmp_path), "--resolution", "32"]
    with pytest.raises(SystemExit) as ended:
        train.main([*words, "--channel-base", "64", "--stages", stages])
    assert ended.value.code == 2 and said in capsys.readouterr().err


@pytest.mark.parametrize("held_out", [1, 5, 11])
def test_few_pictures_held_out_leave_a_sheet_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held_out: int
) -> None:
    write_shard(tmp_path / "renders", held_out=held_out)
    monkeypatch.setattr(train, "keep_freed_memory", lambda: None)
    words = ["--data", str(tmp_path / "renders"), "--out", str(tmp_path), "--resolution", "32"]
    train.main([*words, "--channel-base", "64", "--motion-layers", "3", "--stages", "32:1steps"])
    with Image.open(tmp_path / "sheet_stage0.png") as sheet:
        assert sheet.width == 32 * min(8, len(load_heads(tmp_path / "renders")[1]))


def test_more_layers_moved_than_there_are_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_shard(tmp_path / "renders", held_out=1)
    monkeypatch.setattr(train, "keep_freed_memory", lambda: None)
    words = ["--data", str(tmp_path / "renders"), "--out", str(tmp_path), "--resolution", "32"]
    with pytest.raises(SystemExit) as ended:
        train.main([*words, "--stages", "32:1steps", "--motion-layers", "99"])
    said = capsys.readouterr().err
    assert ended.value.code == 2 and "--motion-layers 99: the generator has 6 latents" in said


def test_training_goes_on_from_its_checkpoint_and_leaves_sheets(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_shard(tmp_path / "renders")
    # It would last as long as this process does.
    monkeypatch.setattr(train, "keep_freed_memory", lambda: None)
    sizes = {"resolution": 32, "channel-base": 256, "channel-max": 16, "w-dim": 12,
             "mapping-layers": 2, "motion-layers": MOTION_LAYERS}  # fmt: skip
    common = ["--data", str(tmp_path / "renders"), "--out", str(tmp_path), "--batch", "2"]
    common += [word for name, size in sizes.items() for word in (f"--{name}", str(size))]

    def run(stages: str) -> dict[str, Any]:
        train.main([*common, "--stages", stages])
        checkpoint: dict[str, Any] = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
        return checkpoint

    first = run("32:40steps")
    assert "going on" not in capsys.readouterr().out
    again = run("32:40steps")
    assert "going on at stage 1" in capsys.readouterr().out
    assert again["progress"] == first["progress"], "all was done"
    for name, tensor in first["ema"].items():
        torch.testing.assert_close(again["ema"][name], tensor, rtol=0, atol=0)
    later = run("32:40steps,32:40steps")
    assert later["progress"][0] == 2 and later["progress"][2] > first["progress"][2] > 0
    moved = later["ema"]["synthesis.const"] - first["ema"]["synthesis.const"]
    assert 0 < moved.abs().mean() < 0.5 * first["ema"]["synthesis.const"].abs().mean()
    for stage in (0, 1):
        assert (tmp_path / f"sheet_stage{stage}.png").read_bytes().startswith(b"\x89PNG")


def test_pictures_of_another_folder_are_drawn_as_often_as_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_shard(tmp_path / "renders")
    write_shard(tmp_path / "white", level=255)
    monkeypatch.setattr(train, "keep_freed_memory", lambda: None)

    def brightness(share: str) -> float:
        """Of what was learned, -1 to 1; the noise of the other folder has 0."""
        train.main([
            "--data", str(tmp_path / "renders"), "--more", str(tmp_path / "white"),
            "--more-share", share, "--out", str(tmp_path / share), "--batch", "2",
            "--resolution", "32", "--channel-base", "256", "--channel-max", "16", "--w-dim", "12",
            "--mapping-layers", "2", "--motion-layers", str(MOTION_LAYERS),
            "--stages", "32:120steps",
        ])  # fmt: skip
        state = torch.load(tmp_path / share / "checkpoint.pt", weights_only=True)
        generator = Generator(
            msgspec.convert(state["config"], GeneratorConfig), len(FACE_AXES), MOTION_LAYERS
        )
        generator.load_state_dict(state["ema"])
        with torch.no_grad():
            z, x = torch.randn(8, Z_DIM), torch.zeros(8, len(FACE_AXES))
            return float(generator(z, x).mean())

    assert brightness("1") > 0.5 > 0.2 > abs(brightness("0"))


def test_textures_follow_a_flow_that_is_learned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Named faces that turn: what is seen comes nearer to them than the network by itself."""
    write_shard(tmp_path / "renders")
    faces = smooth_pictures(len(CAST), 4, 32)
    faces[:, 3] = 255
    (tmp_path / "rest").mkdir()
    for name, face in zip(CAST, faces, strict=True):
        for end in (".png", ".open.png"):
            Image.fromarray(face.transpose(1, 2, 0)).save(tmp_path / "rest" / f"{name}{end}")
    path = tmp_path / "renders" / "shard_0.npz"
    kept = dict(np.load(path))
    yaw = [axis.name for axis in FACE_AXES].index("headYaw")
    kept["x"][:] = 0
    turns = np.random.default_rng(1).integers(-4, 5, len(kept["x"]))
    kept["x"][:, yaw] = turns * FACE_AXES[yaw].high / 4
    seen = faces[kept["curated"] % len(CAST)]
    kept["images"] = np.stack(
        [np.roll(one, turn, 2) for one, turn in zip(seen, turns, strict=True)]
    )
    kept["images"] = kept["images"].transpose(0, 2, 3, 1)
    np.savez(path, **kept)
    monkeypatch.setattr(train, "keep_freed_memory", lambda: None)
    train.main([
        "--data", str(tmp_path / "renders"), "--out", str(tmp_path), "--batch", "8",
        "--resolution", "32", "--channel-base", "256", "--channel-max", "16", "--w-dim", "12",
        "--mapping-layers", "2", "--motion-layers", str(MOTION_LAYERS), "--stages", "32:150steps",
        "--textures", str(tmp_path / "rest"), "--flow", "8", "--rate", "5e-3",
    ])  # fmt: skip
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    trainer = train.Trainer(msgspec.convert(state["config"], GeneratorConfig), MOTION_LAYERS, "cpu")
    trainer.load(state)
    held = load_heads(tmp_path / "renders")[1]
    named = (held.curated >= 0).nonzero()[:, 0]
    real, z, x = held.batch(named)
    network = trainer.ema.synthesis
    with torch.no_grad():
        drawn = network.draw(trainer.ema.latents(z, x))
        textures = load_textures(tmp_path / "rest", list(CAST), trainer.config)
        trainer.textures = torch.from_numpy(textures).float() / 127.5 - 1
        shown = trainer.shown(drawn, held.curated[named]).picture
    own, worn = ((one - real).abs().mean() for one in (drawn.picture, shown))
    assert worn < 0.7 * own


def test_textures_that_are_hidden_cost_most_about_the_mouth() -> None:
    nothing = torch.zeros(1, 1, 8, 8)
    weight = torch.full((1, 1, 8, 8), 2.0)
    plain = Composed(nothing, nothing, nothing)
    torch.testing.assert_close(train.hidden(plain, weight), 0 * nothing + train.HIDDEN_WEIGHT)
    part = torch.full((1, 1, 2, 4), 0.5)
    cost = train.hidden(Composed(nothing, nothing, nothing, part, part, (4, 6, 2, 6)), weight)
    most = train.HIDDEN_WEIGHT + train.HIDDEN_MOUTH_WEIGHT  # where the weight is 2
    torch.testing.assert_close(cost[..., 4:6, 2:6], 0 * part + most / 2)  # half of it is hidden
    assert cost[..., 7, 7] == cost[..., 3, 2] == pytest.approx(train.HIDDEN_WEIGHT)


def test_textures_are_as_visible_in_all_pixels_of_a_position() -> None:
    """Neighbouring pixels differ by what is enlarged only, which is smooth; colours stay."""
    torch.manual_seed(0)
    net = SynthesisNetwork(tiny_generator(resolution=64, subpixels=1, flow=8, mouth=MOUTH))
    ws = torch.randn(2, net.config.num_ws, net.config.w_dim)
    with torch.no_grad():
        before = net.draw(ws)
        train.even_visibility(net)
        after = net.draw(ws)
    assert before.visible is not None and after.visible is not None
    torch.testing.assert_close(before.picture, after.picture)

    def fine(visible: Any) -> float:
        """The part that alternates from pixel to pixel, and no enlarged map has."""
        cells = visible.unfold(2, 2, 2).unfold(3, 2, 2)
        return float((cells[..., 0, 0] - cells[..., 0, 1] - cells[..., 1, 0] + cells[..., 1, 1])
                     .abs().mean())  # fmt: skip

    assert fine(after.visible) < 0.3 * fine(before.visible)
    mean = torch.nn.functional.avg_pool2d
    torch.testing.assert_close(mean(before.visible, 2), mean(after.visible, 2))


def test_a_flow_is_as_uneven_in_a_window_as_in_the_whole() -> None:
    ramp = torch.arange(64.0).expand(1, 2, 64, 64)
    assert float(train.uneven(ramp, WHOLE)) == 1.0
    pixels = ramp.repeat_interleave(4, 2).repeat_interleave(4, 3)
    part = Window(8, 24, 4, 36)
    assert float(train.uneven(part.cut(pixels, 4), part)) == 1.0
    assert float(train.uneven(ramp[..., :8, :8], WHOLE)) == 1.0  # of a small picture


@pytest.mark.parametrize(
    ("alpha", "words", "said"),
    [
        (True, "--textures T --flow 8", "has 16 x 16 pixels, expected 32 x 32"),
        (True, "--textures T --flow 64", "flow is 64, expected 0 or one of the picture's sizes"),
        (True, "--textures T --flow 0", "draws no flow, expected no --textures with it"),
        (True, "--init P", "draws a flow, expected --textures with it"),
        (False, "--textures T --flow 8", "expected pictures with alpha"),
    ],
)
def test_textures_that_do_not_fit_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    alpha: bool, words: str, said: str,
) -> None:  # fmt: skip
    write_shard(tmp_path / "renders")
    if alpha:
        path = tmp_path / "renders" / "shard_0.npz"
        kept = dict(np.load(path))
        kept["images"] = np.concatenate([kept["images"], kept["images"][..., :1]], axis=3)
        np.savez(path, **kept)
    Image.new("RGBA", (16, 16)).save(tmp_path / f"{next(iter(CAST))}.png")
    pack = write_pack(tmp_path / "worn", worn_card())
    places = {"T": str(tmp_path), "P": str(pack)}
    monkeypatch.setattr(train, "keep_freed_memory", lambda: None)
    with pytest.raises(SystemExit):
        train.main([
            "--data", str(tmp_path / "renders"), "--out", str(tmp_path), "--resolution", "32",
            "--stages", "32:1steps", *(places.get(word, word) for word in words.split()),
        ])  # fmt: skip
    assert said in capsys.readouterr().err


def test_pictures_with_alpha_are_learned_with_their_colours_multiplied_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be seen, the left quarter here, is black: else its edge would be a halo."""
    write_shard(tmp_path / "renders")
    path = tmp_path / "renders" / "shard_0.npz"
    shard = dict(np.load(path))
    alpha = np.full((*shard["images"].shape[:3], 1), 255, np.uint8)
    alpha[:, :, :8] = 0
    np.savez(path, **{**shard, "images": np.concatenate([shard["images"], alpha], axis=-1)})
    enlarge(path)
    monkeypatch.setattr(train, "keep_freed_memory", lambda: None)
    train.main([
        "--data", str(tmp_path / "renders"), "--out", str(tmp_path), "--batch", "2",
        "--resolution", "128", "--channel-base", "256", "--channel-max", "16", "--w-dim", "12",
        "--mapping-layers", "2", "--motion-layers", str(MOTION_LAYERS), "--subpixels", "2",
        "--stages", "16:100steps,128a:2steps",
    ])  # fmt: skip
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    config = msgspec.convert(state["config"], GeneratorConfig)
    assert config.channels == 4
    generator = Generator(config, len(FACE_AXES), MOTION_LAYERS)
    generator.load_state_dict(state["ema"])
    with torch.no_grad():
        drawn = generator(torch.randn(8, Z_DIM), torch.zeros(8, len(FACE_AXES)), 16)
    left, right = drawn[..., :3].mean(dim=(0, 2, 3)), drawn[..., 6:].mean(dim=(0, 2, 3))
    assert left.max() < -0.5, "black, and nothing there"
    assert right[3] > 0.5 > right[:3].abs().max(), "noise, and all of it there"


def test_windows_and_smaller_pictures_are_learned_from_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """White pictures of a quarter of the size, and dark ones on windows; both are learned."""
    write_shard(tmp_path / "white", level=255)
    write_shard(tmp_path / "black")
    enlarge(tmp_path / "black" / "shard_0.npz", darker=8)
    monkeypatch.setattr(train, "keep_freed_memory", lambda: None)
    monkeypatch.setattr(train, "SMALLEST_SEEN", 32)

    def brightness(stages: str, share: str) -> float:
        train.main([
            "--data", str(tmp_path / "black"), "--more", str(tmp_path / "white"),
            "--more-share", share, "--out", str(tmp_path / f"{stages}{share}"), "--batch", "2",
            "--resolution", "128", "--channel-base", "128", "--channel-max", "8", "--w-dim", "12",
            "--mapping-layers", "2", "--motion-layers", str(MOTION_LAYERS), "--stages", stages,
        ])  # fmt: skip
        state = torch.load(tmp_path / f"{stages}{share}" / "checkpoint.pt", weights_only=True)
        generator = Generator(
            msgspec.convert(state["config"], GeneratorConfig), len(FACE_AXES), MOTION_LAYERS
        )
        generator.load_state_dict(state["generator"])
        with torch.no_grad():
            return float(generator(torch.randn(8, Z_DIM), torch.zeros(8, len(FACE_AXES))).mean())

    assert brightness("128:60steps", "1") > 0.1
    assert brightness("128w:60steps", "0") < -0.1
    assert np.isfinite(brightness("128wa:4steps", "0.5"))


def test_smaller_pictures_stay_good_while_larger_ones_are_learned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_shard(tmp_path / "dark")
    enlarge(tmp_path / "dark" / "shard_0.npz", darker=8)
    monkeypatch.setattr(train, "keep_freed_memory", lambda: None)
    monkeypatch.setattr(train, "SMALLER_WEIGHT", 20.0)  # a few steps must tell

    def brightness(*options: str) -> float:
        """Of the pictures of 32 x 32, 0 to 2; right is 0.06."""
        out = tmp_path / "_".join(("out", *options))
        train.main([
            "--data", str(tmp_path / "dark"), "--out", str(out), "--batch", "2",
            "--resolution", "128", "--channel-base", "128", "--channel-max", "8", "--w-dim", "12",
            "--mapping-layers", "2", "--motion-layers", str(MOTION_LAYERS),
            "--stages", "128:150steps", *options,
        ])  # fmt: skip
        state = torch.load(out / "checkpoint.pt", weights_only=True)
        generator = Generator(
            msgspec.convert(state["config"], GeneratorConfig), len(FACE_AXES), MOTION_LAYERS
        )
        generator.load_state_dict(state["generator"])
        with torch.no_grad():
            z, x = torch.randn(8, Z_DIM), torch.zeros(8, len(FACE_AXES))
            return float((1 + generator(z, x, 32)).abs().mean())

    assert brightness("--smaller", "32") < 0.7 * brightness()
    for size, stages, said in (
        ("48", "128:1steps", "draws no 48 x 48 pictures, expected some of 4, 8"),
        (
            "32",
            "128w:1steps",
            "windows are parts of pictures of more than 64 x 64, got --smaller 32",
        ),
    ):
        with pytest.raises(SystemExit):
            brightness("--smaller", size, "--stages", stages)
        assert said in capsys.readouterr().err


def test_what_is_seen_before_grey() -> None:
    levels = premultiplied(np.array([[[[255, 0, 128, 0], [255, 0, 128, 255]]]], np.uint8))
    assert levels.tolist() == [[[[0, 0, 0, 0], [255, 0, 128, 255]]]]
    drawn = torch.from_numpy(levels).permute(0, 3, 1, 2).float() / 127.5 - 1
    seen = losses.before_grey(drawn)[0, :, 0]
    torch.testing.assert_close(seen[:, 0], torch.zeros(3))
    torch.testing.assert_close(seen[:, 1], torch.tensor([1.0, -1.0, 0.004]), rtol=0, atol=1e-3)


def write_checkpoint(path: Path, seed: int, config: GeneratorConfig = CONFIG) -> Path:
    torch.manual_seed(seed)
    generator = Generator(config, len(FACE_AXES), MOTION_LAYERS)
    state = {"config": msgspec.to_builtins(config), "ema": generator.state_dict()}
    torch.save(state, path)
    return path


def test_a_pack_of_several_checkpoints_has_the_mean_of_their_weights(tmp_path: Path) -> None:
    base = write_pack(tmp_path / "base")
    paths = [write_checkpoint(tmp_path / f"{seed}.pt", seed) for seed in (1, 2, 3)]
    states = [torch.load(path, weights_only=True)["ema"] for path in paths]
    options = ["--base", str(base), "--out", str(tmp_path / "out"), *WORDS, "--generator"]
    make_pack.main([*options, *map(str, paths)])
    got = load_pack(str(tmp_path / "out"))
    name = "mapping.layers.0.weight"
    wanted = np.mean([state[name].numpy() for state in states], axis=0)
    np.testing.assert_allclose(got.generator[name], wanted, atol=1e-3 * np.abs(wanted).max())
    assert np.abs(got.generator[name] - states[0][name].numpy()).max() > 0.1
    for file in (tmp_path / "out").glob("*.safetensors"):
        assert file.stat().st_mode & 0o777 == 0o644, "everybody may read it"


def test_emotions_of_a_base_are_found_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only their columns change, in the rows that move; a pack without them is told."""
    base, out = write_pack(tmp_path / "base"), tmp_path / "out"
    with pytest.raises(SystemExit):
        make_pack.main(["--base", str(base), "--out", str(out), *WORDS, "--emotions"])
    assert "expected those of a generator that learned from renders" in capsys.readouterr().err
    checkpoint = ["--generator", str(write_checkpoint(tmp_path / "one.pt", 1))]
    make_pack.main(["--base", str(base), "--out", str(out), *WORDS, *checkpoint])
    before = load_pack(str(out))

    def found(w: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        assert w.shape == (SAMPLES, before.card.generator.w_dim)
        return np.full((*matrix.shape[:2], 6), 7.0, np.float32)

    monkeypatch.setattr(make_pack, "emotion_basis", found)
    make_pack.main(["--base", str(out), "--out", str(out), *WORDS, "--emotions"])
    after = load_pack(str(out))
    for name, tensor in before.generator.items():
        if name != "basis":
            np.testing.assert_array_equal(after.generator[name], tensor)
    was, now = before.generator["basis"].copy(), after.generator["basis"]
    columns = [k for k, axis in enumerate(after.card.axes) if axis.name in EMOTIONS]
    assert len(columns) == 6
    was[:MOTION_LAYERS, :, columns] = 7.0
    np.testing.assert_allclose(now, was, atol=1e-6)
    for wrong in (["--borrow"], checkpoint):
        with pytest.raises(SystemExit):
            make_pack.main(["--base", str(out), "--out", str(out), *WORDS, "--emotions", *wrong])
        assert "got --emotions, expected it with --base" in capsys.readouterr().err


def test_checkpoints_of_different_networks_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    base = write_pack(tmp_path / "base")
    one = write_checkpoint(tmp_path / "one.pt", 1)
    other = write_checkpoint(tmp_path / "other.pt", 1, tiny_generator(z_dim=Z_DIM, w_dim=16))
    options = ["--base", str(base), "--out", str(tmp_path / "out"), *WORDS, "--generator"]
    old = tmp_path / "old.pt"
    torch.save({"config": {"z_dim": 8, "channel_base": 256}, "ema": {}}, old)
    for given, said in (
        ([one, other], "another network than"),
        ([one, tmp_path / "no.pt"], "No such file"),
        ([old], "old.pt is a checkpoint of another version of the training"),
    ):
        with pytest.raises(SystemExit):
            make_pack.main([*options, *map(str, given)])
        assert said in capsys.readouterr().err
