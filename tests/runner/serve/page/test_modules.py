"""Parts of the page by themselves, in the browser: how a graph is laid out, curves are cut, and a sound is played."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest

from tests.runner.serve.page.browser import Page


def lay_out(page: Page, sizes: list[int], wires: list[tuple[int, int]]) -> tuple[list[Any], list[Any]]:
    """The boxes of a graph: layer, place and size; and the lanes and boxes that each wire visits."""
    script = f"""
        const {{layOut}} = await module("layout");
        const nodes = new Map({sizes}.map((across, at) => [String(at), {{across}}]));
        const wires = {[list(wire) for wire in wires]}.map(([from, to]) => [String(from), String(to)]);
        const {{boxes, lines}} = layOut(nodes, wires, {{gap: 10, lane: 6}});
        const plain = ({{layer, at, across}}) => [layer, at, across];
        done([[...boxes.values()].map(plain), lines.map(line => line.map(plain))]);
    """
    boxes, lines = page.load(script)
    return boxes, lines


@pytest.mark.parametrize("seed", range(8))
def test_no_two_boxes_overlap_and_wires_lead_forward(page: Page, seed: int) -> None:
    drawn = random.Random(seed)
    count = drawn.randint(2, 24)
    sizes = [drawn.randint(20, 80) for _ in range(count)]
    wires = sorted({(drawn.randrange(to), to) for to in range(1, count) for _ in range(drawn.randint(1, 3))})
    boxes, lines = lay_out(page, sizes, wires)
    assert [across for _, _, across in boxes] == sizes
    assert min(at for _, at, _ in boxes) >= 0
    placed = {tuple(box) for line in lines for box in line} | {tuple(box) for box in boxes}
    for layer in {box[0] for box in placed}:
        column = sorted((at, across) for own, at, across in placed if own == layer)
        assert all(at + across + 10 <= after + 1e-6 for (at, across), (after, _) in pairwise(column))
    for (first, last), line in zip(wires, lines, strict=True):
        assert [line[0], line[-1]] == [boxes[first], boxes[last]]
        assert [box[0] for box in line] == list(range(boxes[first][0], boxes[last][0] + 1))


def test_a_curve_is_cut_at_the_ends_of_a_word(page: Page) -> None:
    script = """
        const {cut} = await module("contour");
        const curves = [{start: 0, step: 1, values: [0, 10, 20, 30]}, {start: 4, step: 1, values: [40, 50]}];
        done([cut(curves, 0.5, 2.25), cut(curves, 3, 4), cut(curves, 8, 9), cut(undefined, 0, 1)]);
    """
    assert page.load(script) == [[[0.5, 5], [1, 10], [2, 20], [2.25, 22.5]], [[3, 30], [4, 40]], [], []]


def test_pitch_is_drawn_only_where_there_is_a_voice(page: Page) -> None:
    script = """
        const {Scales, tracePitch} = await module("contour");
        const values = [5, 200, 210, 205, 90, 6, 100, 195, 198, 190, 260];
        const scales = new Scales({f0: [{start: 0, step: 1, values}]});
        const points = values.map((hz, at) => [at, hz]);
        done(tracePitch(points, scales, time => time, hz => hz).match(/[ML][0-9]+/g).join(" "));
    """
    assert page.load(script) == "M1 L2 L3 M7 L8 L9"  # no voice, on the way to it, or a jump: the line is broken


def test_player_waits_for_what_is_not_there_yet_and_goes_on(page: Page) -> None:
    page.click("#theme")  # a browser plays nothing before a person has pressed something
    script = """
        const [{Player}, {Sound}] = [await module("player"), await module("sound")];
        const [player, sound] = [new Player(), new Sound(24000)];
        const told = [];
        const until = name => new Promise(resolve => player.addEventListener(name, resolve, {once: true}));
        for (const name of ["load", "playing", "waiting", "pause", "seeked", "ended"]) {
            player.addEventListener(name, () => told.push([name, Math.round(player.position * 1000)]));
        }
        player.load(sound);
        await player.play();
        sound.add(0, new Float32Array(4800));
        await until("playing");
        await until("waiting");
        const goesOn = until("playing");
        sound.add(0.2, new Float32Array(4800));
        await goesOn;
        sound.end();
        await until("ended");
        player.seek(0.1);
        done(told);
    """
    assert page.load(script) == [
        ["load", 0],
        ["waiting", 0],
        ["playing", 0],
        ["waiting", 200],
        ["playing", 200],
        ["ended", 400],
        ["seeked", 100],
    ]
