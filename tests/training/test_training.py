"""Batches, a run that is stopped and goes on, and the export, on a made-up corpus and the model's real sizes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the extra [train] is not installed")
pytest.importorskip("runner.speech.reference", reason="the extra [reference] is not installed", exc_type=ImportError)

import torch
from safetensors.numpy import load_file

from runner.speech.reference import checkpoint_keys
from tests.training import corpus_files
from training import batches, decoder, export, model, predictor, start
from training.checkpoint import rate
from training.errors import TrainingError
from training.losses import SpectralLoss, emphasis, frame_weights

_SHIPPED = model.config_path().parent


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return corpus_files.write(tmp_path_factory.mktemp("corpus"), batches.VALIDATION + 40)


def test_validation_is_never_trained_on(corpus: Path) -> None:
    training, validation = batches.utterances(corpus, audio=True)
    assert len(training) == 80
    assert len(validation) == 48
    assert not {each["text"] for each in training} & {each["text"] for each in validation}


def test_a_crop_holds_what_the_utterance_has_there(corpus: Path) -> None:
    spoken, _ = batches.utterances(corpus, audio=True)
    batch = batches.crops(spoken, seed=1, step=5, size=8, frames=12)
    by_audio = {each["audio"].tobytes(): each for each in spoken if each["audio"] is not None}
    for row in range(8):
        count = int(batch.frames[row])
        samples = (batch.audio[row, : 600 * count].numpy() * 32768).astype(np.int16).tobytes()
        (whole,) = [audio for audio in by_audio if samples in audio]
        begin = whole.index(samples) // 1200
        each = by_audio[whole]
        tokens, durations = next(s for s in each["spellings"] if len(s[0]) == batch.lengths[row])
        owner = np.repeat(np.arange(len(tokens)), durations)[begin : begin + count]
        np.testing.assert_array_equal(batch.token_of_frame[row, :count], owner)
        np.testing.assert_array_equal(batch.tokens[row, : len(tokens)], tokens)
        np.testing.assert_array_equal(batch.f0[row, : 2 * count], each["f0"][2 * begin : 2 * (begin + count)])
        np.testing.assert_array_equal(batch.n[row, : 2 * count], each["n"][2 * begin : 2 * (begin + count)])
        assert not batch.audio[row, 600 * count :].any()


def test_a_batch_is_the_same_for_the_same_step(corpus: Path) -> None:
    spoken, _ = batches.utterances(corpus, audio=False)
    one, same, other = (batches.whole(spoken, 1, step, 4) for step in (3, 3, 4))
    assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
    assert not torch.equal(one.n[:, :10], other.n[:, :10])


def test_rate_warms_up_and_falls() -> None:
    rates = [rate(step, 5000, 1e-3) for step in range(0, 5000, 100)]
    assert rates[0] < 1e-5
    assert max(rates) == rates[2] == pytest.approx(1e-3, rel=0.01)
    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert rates[-1] == pytest.approx(2e-5, rel=0.1)


def test_training_that_was_stopped_ends_as_if_it_were_not(corpus: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    for folder in (whole, parts):
        folder.mkdir()
    cpu = torch.device("cpu")
    predictor.train(corpus, whole, 4, 1, cpu)
    predictor.train(corpus, parts, 4, 1, cpu, until=2)
    predictor.train(corpus, parts, 4, 1, cpu)
    one, other = (torch.load(folder / predictor.FILE, weights_only=True) for folder in (whole, parts))
    assert one["step"] == other["step"] == 4
    for key in ("tensors", "mean"):
        assert all(torch.equal(one[key][name], other[key][name]) for name in one[key])


def test_the_decoder_ends_with_the_energy_that_the_predictor_says(corpus: Path, tmp_path: Path) -> None:
    cpu = torch.device("cpu")
    with pytest.raises(
        TrainingError, match=r"said\.pt: not there; python -m training\.predictor writes it: run it first"
    ):
        decoder.train(corpus, tmp_path, 1, 1, cpu)
    predictor.train(corpus, tmp_path, 1, 1, cpu)
    said = decoder.read_said(tmp_path / predictor.SAID)
    spoken, held = batches.utterances(corpus, audio=True)
    assert said.keys() == {(each["voice"], each["text"]) for each in [*spoken, *held]}
    for each in spoken:
        for energy in said[each["voice"], each["text"]]:
            assert energy.shape == each["n"].shape
    true, predicted = batches.crops(spoken, 1, 5, 4, 9), batches.crops(spoken, 1, 5, 4, 9, said)
    assert torch.equal(true.audio, predicted.audio)
    assert torch.equal(true.f0, predicted.f0)
    assert not torch.equal(true.n, predicted.n)
    shown = predicted.n[0, : 2 * int(predicted.frames[0])].numpy()
    assert any(shown.tobytes() in energy.tobytes() for energies in said.values() for energy in energies)


def test_the_gradients_reach_every_trained_tensor(corpus: Path) -> None:
    spoken, _ = batches.utterances(corpus, audio=True)
    parts = model.build(1)
    batch = batches.crops(spoken, 1, 0, 2, 8)
    loss = SpectralLoss()
    audio = decoder.synthesise(parts, parts.decoder, batch, half=False)
    assert audio.shape == batch.audio.shape
    said = predictor.losses(predictor.predict(parts, batches.whole(spoken, 1, 0, 2)), batches.whole(spoken, 1, 0, 2))
    weights = frame_weights(emphasis(model.config()["vocab"]), batch)
    torch.autograd.backward(loss.weighted(*loss(audio, batch.audio, weights)) + said.weighted())
    without = [name for name, tensor in model.named_tensors(parts).items() if tensor.grad is None]
    assert without == [name for name in without if ".pooler." in name or ".full_layer_layer_norm" in name], without


def test_spectral_loss_is_zero_for_the_same_and_grows_with_the_difference() -> None:
    loss, rng = SpectralLoss(), torch.Generator().manual_seed(1)
    audio, noise = (0.1 * torch.randn(2, 24000, generator=rng) for _ in range(2))
    evenly = torch.ones(2, 40)
    assert loss.weighted(*loss(audio, audio, evenly)).item() == 0
    near, far = (loss.weighted(*loss(audio + scale * noise, audio, evenly)).item() for scale in (0.1, 1.0))
    assert 0 < near < far


def test_spectral_loss_counts_a_fault_by_the_weight_of_its_frame() -> None:
    loss, rng = SpectralLoss(), torch.Generator().manual_seed(1)
    audio = 0.1 * torch.randn(1, 24000, generator=rng)
    faulty = audio.clone()
    faulty[:, 12000:] *= 2
    first, second = torch.ones(1, 40), torch.ones(1, 40)
    first[:, :20], second[:, 20:] = 3, 3
    early, late = (loss(faulty, audio, weights / weights.mean())[1].item() for weights in (first, second))
    assert 2.8 * early < late < 3.2 * early


def test_consonants_and_what_is_beside_them_count_most(corpus: Path) -> None:
    vocab = model.config()["vocab"]
    of_token = emphasis(vocab)
    assert [of_token[vocab[symbol]].item() for symbol in "kmæˈ ."] == [2, 2, 1, 1, 0.5, 0.5]
    spoken, _ = batches.utterances(corpus, audio=True)
    batch = batches.crops(spoken, 1, 0, 2, 8)
    weights = frame_weights(of_token, batch)
    assert weights.shape == batch.token_of_frame.shape
    assert weights.mean().item() == pytest.approx(1)
    own = torch.gather(of_token[batch.tokens], 1, batch.token_of_frame)
    beside = torch.cat([own[:, :1], own[:, :-1]], 1)
    heaviest = own == own.max()
    assert torch.all(weights[heaviest] == weights.max())
    assert torch.all(weights[beside == own.max()] == weights.max())


def _pretend_trained(out: Path, scale: float = 1.0) -> None:
    """Both trainers' files with the starting weights, as if after no step."""
    parts = model.build(7)
    out.mkdir()
    for trainer in (decoder, predictor):
        mean = {name: scale * tensor.detach() for name, tensor in model.named_tensors(parts, trainer.PARTS).items()}
        torch.save({"step": 0, "mean": mean}, out / trainer.FILE)


def test_export_writes_what_the_shipped_model_is_made_of(tmp_path: Path) -> None:
    _pretend_trained(tmp_path / "out")
    assert export.main([str(tmp_path / "out"), str(tmp_path / "model")]) == 0
    made = load_file(tmp_path / "model" / "model.safetensors")
    assert {key: tensor.shape for key, tensor in made.items()} == checkpoint_keys(model.build(0))
    assert {key: (t.shape, t.dtype) for key, t in made.items()} == {
        key: (t.shape, t.dtype) for key, t in load_file(_SHIPPED / "model.safetensors").items()
    }
    for name in model.VOICES:
        pack = np.load(tmp_path / "model" / "voices" / f"{name}.npy")
        assert pack.shape == (510, 2 * model.config()["style_dim"])
        assert (pack == pack[0]).all()


def test_export_puts_the_scales_into_the_projections(tmp_path: Path) -> None:
    _pretend_trained(tmp_path / "out")
    start, made = model.build(7), export.trained(tmp_path / "out")
    torch.testing.assert_close(made.predictor.F0_proj.weight, start.predictor.F0_proj.weight * predictor.F0_SCALE)
    torch.testing.assert_close(
        made.predictor.N_proj.bias, start.predictor.N_proj.bias * predictor.N_SCALE + predictor.N_MEAN
    )


def test_export_gives_unheard_symbols_the_embedding_of_their_like(tmp_path: Path) -> None:
    _pretend_trained(tmp_path / "out")
    vocab, made = model.config()["vocab"], export.trained(tmp_path / "out")
    for table in (made.text_encoder.embedding.weight, made.bert.embeddings.word_embeddings.weight):
        for symbol, like in export.UNHEARD.items():
            assert torch.equal(table[vocab[symbol]], table[vocab[like]])


def test_export_refuses_what_is_missing_or_has_diverged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert export.main([str(tmp_path / "empty"), str(tmp_path / "model")]) == 2
    assert "run python -m training first" in capsys.readouterr().err
    _pretend_trained(tmp_path / "out", scale=1e6)
    with pytest.raises(TrainingError, match="beyond float16"):
        export.write(export.trained(tmp_path / "out"), tmp_path / "model")
    assert not (tmp_path / "model" / "model.safetensors").exists()


def test_start_is_the_inverse_of_export(tmp_path: Path) -> None:
    _pretend_trained(tmp_path / "out")
    export.write(export.trained(tmp_path / "out"), tmp_path / "model")
    given = [str(tmp_path / "again"), str(tmp_path / "model"), "--decoder", "5", "--predictor", "7"]
    assert start.main(given) == 0
    for trainer, steps in ((decoder, 5), (predictor, 7)):
        before, after = (torch.load(tmp_path / name / trainer.FILE, weights_only=True) for name in ("out", "again"))
        assert after["step"] == steps
        for name, tensor in before["mean"].items():
            if "embedding" not in name and name != "styles":  # there unheard symbols are read as others
                torch.testing.assert_close(after["tensors"][name], tensor, rtol=1e-3, atol=1e-4)


def test_start_refuses_what_is_no_model_and_replaces_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").write_bytes(b"no tensors")
    assert start.main([str(tmp_path / "out"), str(tmp_path / "model")]) == 2
    assert "not a model of training.export" in capsys.readouterr().err
    _pretend_trained(tmp_path / "out")
    assert start.main([str(tmp_path / "out")]) == 2
    assert "is there; training goes on from it" in capsys.readouterr().err
